// A Graph that answers as told, call by call, over real HTTP.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGraphClient, type GraphClient } from '../../delivery/graphClient.ts';

export interface FakeAnswer {
  readonly status?: number;
  readonly code?: string;
  readonly body?: string;
  readonly json?: unknown;
  /** The connection is reset once the request is in. */
  readonly reset?: boolean;
  readonly retryAfter?: string;
  readonly location?: string;
  readonly delayMs?: number;
  readonly hang?: boolean;
  /** The connection breaks in the middle of the answer's body. */
  readonly cutOff?: boolean;
}

export interface FakeGraph {
  readonly calls: { path: string; body: string; headers: IncomingHttpHeaders }[];
  readonly url: string;
  client(timeoutMs: number): GraphClient;
  close(): Promise<void>;
}

/** Answers the n-th call with the n-th answer; a call beyond them gets 599. */
export async function startFakeGraph(answers: readonly FakeAnswer[]): Promise<FakeGraph> {
  const calls: FakeGraph['calls'] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = answers[calls.length] ?? { status: 599 };
    calls.push({ path: request.url!, body: Buffer.concat(chunks).toString(), headers: request.headers });
    if (answer.hang) return;
    if (answer.reset) return void request.socket.resetAndDestroy();
    const { status = 202, code, retryAfter, location, delayMs = 0 } = answer;
    const json = code ? { error: { code, message: 'Said by Graph.' } } : answer.json;
    setTimeout(() => {
      response.writeHead(status, {
        'request-id': 'graph-request-id',
        ...(retryAfter && { 'retry-after': retryAfter }),
        ...(location && { location }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
      });
      if (answer.cutOff) {
        response.write('{');
        setTimeout(() => response.destroy(), 20);
        return;
      }
      response.end(json === undefined ? answer.body : JSON.stringify(json));
    }, delayMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    calls,
    url,
    client: (timeoutMs) =>
      createGraphClient({
        baseUrl: url,
        token: { get: async () => 'token', forget: () => {} },
        timeoutMs,
      }),
    close: async () => {
      server.closeAllConnections();
      if (server.listening) {
        server.close();
        await once(server, 'close');
      }
    },
  };
}
