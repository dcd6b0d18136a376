/**
 * The Graph SDK's client with a middleware chain of our own: a token, then HTTP. No retry handler: the SDK's would send a
 * mail again on 503 and 504. Answers come back raw, so that 202 can be told from 200.
 */
import {
  Client,
  type Context,
  type GraphRequest,
  type Middleware,
  ResponseType,
} from '@microsoft/microsoft-graph-client';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { parseRetryAfterMs } from '../contract/retrySchedule.ts';
import { callOut } from '../wiring/telemetry/mailTrace.ts';
import { type GraphAnswer, NoTokenError } from './graphOutcome.ts';
import type { TokenSource } from './tokenSource.ts';

/** Headers to log with every call: what Microsoft support asks for. */
export interface GraphTrace {
  readonly clientRequestId: string;
  readonly requestId: string;
  readonly graphMs: number;
}

export interface GraphClientOptions {
  readonly baseUrl: string;
  readonly token: TokenSource;
  readonly timeoutMs: number;
  readonly fetch?: typeof fetch;
}

/** An answer with what it carried. */
export interface GraphReply extends GraphAnswer {
  /** The JSON of the body, errors too; undefined when it was none. */
  readonly json: unknown;
  readonly trace: GraphTrace;
}

export interface GraphClient {
  /** One call; throws when there was no answer within the timeout. */
  call(path: string, send: (request: GraphRequest) => Promise<unknown>): Promise<GraphReply>;
}

/** What a call brings into the chain, and what the chain tells of it. */
interface Passage {
  readonly bearer: string;
  /** The SDK turns every error into one of its own and drops the cause, which says whether the request ever left. */
  error?: unknown;
}
const PASSAGE = 'relayPassage';

/** Longest part of an answer that is read: errors, ids and short lists; never a mail. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export function createGraphClient(options: GraphClientOptions): GraphClient {
  const { token, timeoutMs } = options;
  const baseUrl = options.baseUrl.endsWith('/') ? options.baseUrl : `${options.baseUrl}/`;
  const host = new URL(baseUrl).hostname;
  const client = Client.initWithMiddleware({
    baseUrl,
    defaultVersion: 'v1.0',
    middleware: chain(tokenMiddleware(), httpMiddleware(options.fetch ?? globalThis.fetch)),
  });

  return {
    call: (path, send) =>
      callOut(`Graph ${resourceOf(path)}`, { 'server.address': host }, async (span) => {
        const clientRequestId = crypto.randomUUID();
        span.setAttribute('clientRequestId', clientRequestId);
        // One clock over both: the claim on the mail covers no more. A slow identity endpoint leaves Graph half of it.
        const signal = AbortSignal.timeout(timeoutMs);
        const bearer = await tokenWithin(token, timeoutMs / 2);
        const began = performance.now();
        const passage: Passage = { bearer };
        const request = client
          .api(path)
          .responseType(ResponseType.RAW)
          .header('client-request-id', clientRequestId)
          .option('signal', signal)
          .option(PASSAGE, passage);
        const response = (await send(request).catch((error: unknown) => {
          throw passage.error ?? error;
        })) as Response;
        const json = await readJson(response);
        const requestId = response.headers.get('request-id') ?? '';
        span.setAttributes({ requestId, 'http.response.status_code': response.status });
        if (response.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
        if (response.status === 401) token.forget();
        return {
          status: response.status,
          ...errorOf(json),
          json,
          retryAfterMs: parseRetryAfterMs(response.headers.get('retry-after'), Date.now()),
          trace: {
            clientRequestId,
            requestId,
            graphMs: Math.round(performance.now() - began),
          },
        };
      }),
  };
}

/** Path segments of Graph's that a span may name; the others are mailboxes and ids. */
const RESOURCES = new Set(['sendMail', 'messages', 'attachments', 'createUploadSession', 'send', '$value']);

function resourceOf(path: string): string {
  return path
    .split('/')
    .filter((segment) => RESOURCES.has(segment))
    .join('/');
}

function chain(first: Middleware, second: Middleware): Middleware {
  first.setNext?.(second);
  return first;
}

/** A token, or a {@link NoTokenError} in time: without one there is no request, and nothing is sent. */
async function tokenWithin(token: TokenSource, ms: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The identity endpoint took longer than ${ms / 1000} s.`)), ms);
  });
  try {
    return await Promise.race([token.get(), late]);
  } catch (cause) {
    throw new NoTokenError(cause);
  } finally {
    clearTimeout(timer);
  }
}

/** Puts the token on, and keeps what went wrong behind it. */
function tokenMiddleware(): Middleware {
  let next: Middleware | undefined;
  return {
    async execute(context: Context) {
      const { [PASSAGE]: passage, ...options } = context.options as RequestInit & { [PASSAGE]: Passage };
      const headers = new Headers(options.headers);
      headers.set('authorization', `Bearer ${passage.bearer}`);
      context.options = { ...options, headers };
      try {
        await next!.execute(context);
      } catch (error) {
        passage.error = error;
        throw error;
      }
    },
    setNext: (middleware) => {
      next = middleware;
    },
  };
}

function httpMiddleware(fetch: typeof globalThis.fetch): Middleware {
  return {
    async execute(context: Context) {
      trace
        .getActiveSpan()
        ?.setAttribute('http.request.method', String(context.options?.method ?? 'GET').toUpperCase());
      // Never follow a redirect: the mail and the token are for this host alone. As an answer, it is a refusal.
      context.response = await fetch(context.request, { ...context.options, redirect: 'manual' } as RequestInit);
    },
  };
}

/** The JSON of an answer, read to a bound and the rest let go; undefined for anything else: gateways answer in HTML. */
async function readJson(response: Response): Promise<unknown> {
  if (!response.body) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) return undefined;
    }
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    // No JSON, or cut off. The status is there, and it is what decides: a 202 is a 202.
    return undefined;
  }
}

function errorOf(json: unknown): { code: string; message: string } {
  const error = (json as { error?: { code?: unknown; message?: unknown } } | null | undefined)?.error;
  return { code: short(error?.code, 80), message: short(error?.message, 500) };
}

function short(text: unknown, length: number): string {
  return typeof text === 'string' ? text.replace(/\s+/g, ' ').trim().slice(0, length) : '';
}
