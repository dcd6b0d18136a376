// One HTTP request over a kept-alive connection: streamed body out, small answer in, nothing waits for ever.
import http from 'node:http';
import https from 'node:https';
import { pipeline, type Readable } from 'node:stream';

/** The answer, read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable;
  /** Called with how many bytes of the body went out, as they do. */
  readonly onSent?: (bytes: number) => void;
}

export interface HttpClientOptions {
  readonly baseUrl: string;
  readonly maxSockets: number;
  /** Longest silence while connecting and while the body goes out, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** Longest wait for the answer once the body is out, in milliseconds. */
  readonly answerTimeoutMs: number;
}

export interface HttpClient {
  /** Rejects when there is no complete answer, whatever the reason. */
  exchange(request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

/**
 * The body goes out in pieces of this size. Each that leaves is progress: a piece as large as a message would leave
 * nothing to see for minutes on a slow line.
 */
const PIECE_BYTES = 64 * 1024;

/** No answer of the relay is longer; a longer one is not the relay's. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** A client for one base URL. It follows no redirects: a redirect would carry the key elsewhere. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const base = new URL(options.baseUrl);
  const secure = base.protocol === 'https:';
  const agentOptions = {
    keepAlive: true,
    maxSockets: options.maxSockets,
    scheduling: 'lifo' as const,
    proxyEnv: process.env, // HTTPS_PROXY, HTTP_PROXY and NO_PROXY
  };
  const agent = secure ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
  const prefix = base.pathname.replace(/\/$/, '');

  return {
    exchange: ({ method, path, headers, body, onSent }) =>
      new Promise((resolve, reject) => {
        const request = (secure ? https : http).request({
          protocol: base.protocol,
          hostname: base.hostname.replace(/^\[|\]$/g, ''),
          port: base.port,
          method,
          path: prefix + path,
          headers,
          agent,
        });
        let timer: NodeJS.Timeout;
        let over = false;
        const wait = (ms: number, forWhat: string) => {
          clearTimeout(timer);
          if (over) return;
          timer = setTimeout(() => request.destroy(new Error(`no ${forWhat} within ${ms / 1000} s`)), ms);
        };
        const finish = (settle: () => void) => {
          over = true;
          clearTimeout(timer);
          body?.destroy();
          settle();
        };
        wait(options.idleTimeoutMs, 'connection');
        request.on('error', (error) => finish(() => reject(error)));
        request.on('response', (response) => {
          readAnswer(response).then(
            (answer) =>
              finish(() => {
                // An answer before the body went out leaves a connection nobody can use again.
                if (!request.writableFinished) request.destroy();
                resolve(answer);
              }),
            (error: unknown) => request.destroy(error as Error),
          );
        });
        request.on('finish', () => wait(options.answerTimeoutMs, 'answer'));
        if (!body) return void request.end();
        async function* pieces(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
          for await (const chunk of chunks)
            for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
              const piece = chunk.subarray(at, at + PIECE_BYTES);
              yield piece;
              wait(options.idleTimeoutMs, 'progress of the upload'); // asked for more: this one has left
              onSent?.(piece.length);
            }
        }
        pipeline(body, pieces, request, () => undefined); // a failure of either side reaches the request's 'error'
      }),
    close: () => agent.destroy(),
  };
}

async function readAnswer(response: http.IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
