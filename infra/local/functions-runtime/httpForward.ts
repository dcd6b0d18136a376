import { randomUUID } from 'node:crypto';
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { LogLevel, TypedData } from './coreModule.ts';
import type { Invoker } from './invocation.ts';
import type { LibraryServer } from './libraryServer.ts';
import { letRunOut, transferBody } from './requestBody.ts';
import type { RouteMatch } from './routes.ts';

export interface HttpForwarderOptions {
  readonly library: LibraryServer;
  readonly invoker: Invoker;
  /** Largest request body in bytes. */
  readonly bodyLimit: number;
  log(level: LogLevel, source: string, message: string): void;
}

/**
 * Carries a request to its handler as the host does with `enableHttpStream`: the request itself is proxied to a server
 * the library runs, and the invocation sent under the same id when it has got there. Bodies stream in both directions.
 */
export function createHttpForwarder({ library, invoker, bodyLimit, log }: HttpForwarderOptions) {
  const agent = new Agent({ keepAlive: true });

  return async (match: RouteMatch, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const id = randomUUID();
    const host = request.headers.host ?? '127.0.0.1';
    const { expect: _, connection: __, ...headers } = request.headers;
    const inner = httpRequest({
      agent,
      host: '127.0.0.1',
      port: library.port,
      path: request.url,
      method: request.method,
      headers: { ...headers, 'x-ms-invocation-id': id, 'x-forwarded-host': host, 'x-forwarded-proto': 'http' },
    });
    const fail = (status: number) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(status, { 'content-length': 0 }).end();
      body.end();
    };
    const body = transferBody(request, inner, { limit: bodyLimit, onTooLarge: () => fail(413) });
    const arrived = new Promise<boolean>((resolve) => {
      library.expect(id, () => resolve(true));
      inner.once('close', () => {
        library.forget(id);
        resolve(false);
      });
    });
    const answered = new Promise<boolean>((resolve) => {
      inner.on('error', () => resolve(false));
      inner.once('close', () => resolve(false));
      inner.once('response', (from) => {
        // `connection` and `keep-alive` are about the connection between the library and us, not the caller's.
        const { 'x-ms-invocation-id': ___, connection: ____, 'keep-alive': _____, ...answerHeaders } = from.headers;
        response.writeHead(from.statusCode ?? 500, answerHeaders);
        pipeline(from, response).then(
          () => resolve(true),
          () => resolve(false),
        );
      });
    });
    // A caller that goes away takes its request with it; the handler sees the body break off.
    response.once('close', () => {
      if (!response.writableFinished) inner.destroy();
    });

    if (!(await arrived)) {
      if (!response.destroyed && !response.writableEnded) fail(502);
      return;
    }
    const triggerMetadata: Record<string, TypedData> = { Headers: { json: JSON.stringify(joinHeaders(request)) } };
    for (const [name, value] of Object.entries(match.params)) triggerMetadata[name] = { string: value };
    try {
      const result = await invoker.invoke({
        function: match.function,
        id,
        data: { http: {} },
        triggerMetadata,
        traceParent: one(request.headers.traceparent),
        traceState: one(request.headers.tracestate),
      });
      if (result.answered && (await answered)) {
        if (!request.complete) body.end();
        return;
      }
    } catch {
      // The invoker has logged it; the library sends nothing when a handler throws.
    }
    if (response.destroyed || response.writableEnded) return;
    // In Azure the caller would now wait in vain (azure-functions-nodejs-library#324): say so instead.
    log('warning', match.function.name, 'The handler gave no answer; in Azure the caller would never get one.');
    fail(500);
  };
}

/** Answers without a body, and lets what the client still sends run out, so that it can read the answer. */
export function refuse(request: IncomingMessage, response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 }).end();
  letRunOut(request);
}

/** All headers, each as one text, in the form the host's trigger metadata has them. */
function joinHeaders(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values = []]) => [
      name,
      values.join(name === 'cookie' ? '; ' : ', '),
    ]),
  );
}

function one(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
