import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { CoreModule, LogLevel, RegisteredFunction } from './coreModule.ts';
import { refuse } from './httpForward.ts';
import type { Invoker } from './invocation.ts';
import { createRouter, type RouteMatch } from './routes.ts';
import { timerData } from './timerTrigger.ts';

export interface RuntimeHttpServerOptions {
  readonly core: CoreModule;
  readonly invoker: Invoker;
  readonly routePrefix: string;
  /** Opens `/admin/…` and every route whose authLevel is not anonymous, as `x-functions-key` or `?code=`. */
  readonly adminKey: string;
  /** Largest request body in bytes. */
  readonly bodyLimit: number;
  forward(match: RouteMatch, request: IncomingMessage, response: ServerResponse): Promise<void>;
  log(level: LogLevel, source: string, message: string): void;
}

/** Azure's front end gives up on a request after 230 s. */
const REQUEST_TIMEOUT_MS = 230_000;
const MAX_ADMIN_BODY = 100_000;

/** The HTTP door of the runtime: admin endpoints, routes, keys and the size limit. The caller makes it listen. */
export function createRuntimeHttpServer(options: RuntimeHttpServerOptions): Server {
  const { core, invoker, adminKey, bodyLimit, forward, log } = options;
  const route = createRouter(core.functions.values(), options.routePrefix);

  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request, response).catch((error) => {
      log('error', 'http', error instanceof Error ? (error.stack ?? error.message) : String(error));
      if (response.headersSent) response.destroy();
      else refuse(request, response, 500);
    });
  });
  return server;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = URL.parse(request.url ?? '/', 'http://127.0.0.1');
    if (!url) return refuse(request, response, 400);
    if (url.pathname.startsWith('/admin/')) return answerAdmin(url, request, response);
    const match = route(request.method ?? '', url.pathname);
    if (!match) return refuse(request, response, 404);
    const authLevel = String(match.function.trigger.authLevel ?? 'function').toLowerCase();
    if (authLevel !== 'anonymous' && !hasKey(url, request)) return refuse(request, response, 401);
    if (Number(request.headers['content-length'] ?? 0) > bodyLimit) return refuse(request, response, 413);
    await forward(match, request, response);
  }

  /** `GET /admin/host/status` and `POST /admin/functions/NAME`, which runs a timer or queue function now. */
  async function answerAdmin(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!hasKey(url, request)) return refuse(request, response, 401);
    if (url.pathname === '/admin/host/status') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"state":"Running"}');
      return;
    }
    const name = /^\/admin\/functions\/([\w-]+)$/.exec(url.pathname)?.[1];
    const fn = name === undefined ? undefined : core.functions.get(name);
    const kind = fn?.trigger.type.toLowerCase();
    if (!fn || kind === 'httptrigger' || request.method !== 'POST') return refuse(request, response, 404);
    const input = await readInput(request);
    if (input === undefined) return refuse(request, response, 400);
    const data = kind === 'timertrigger' ? timerData() : { string: input };
    // Its failure is in the log; the caller, as in Azure, only learns that it was started.
    invoker.invoke({ function: fn as RegisteredFunction, data }).catch(() => {});
    response.writeHead(202).end();
  }

  function hasKey(url: URL, request: IncomingMessage): boolean {
    const given = Buffer.from(String(request.headers['x-functions-key'] ?? url.searchParams.get('code') ?? ''));
    const wanted = Buffer.from(adminKey);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

/** The `input` of an admin request's JSON body, `""` when it has none; undefined when the body is not such JSON. */
async function readInput(request: IncomingMessage): Promise<string | undefined> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MAX_ADMIN_BODY) return undefined;
  }
  try {
    const body: unknown = JSON.parse(text || '{}');
    const input = (body as { input?: unknown } | null)?.input ?? '';
    return typeof input === 'string' ? input : JSON.stringify(input);
  } catch {
    return undefined;
  }
}
