/**
 * The one way an HTTP function of this app is registered and answers. With streaming switched on, a handler that throws
 * or returns nothing never answers at all (azure-functions-nodejs-library#324): here whatever it throws becomes a problem
 * document. The platform checks no keys (`anonymous`): our own code authenticates the caller.
 */
import { app, type HttpMethod, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import type { Caller } from '../wiring/callers.ts';
import { authentication, events } from '../wiring/relay.ts';
import { authenticate } from './authenticate.ts';
import { problemResponse, Refusal } from './problems.ts';

/** A request is let run out up to here after its answer is known, so that a client still sending can read it. */
const RUN_OUT = { bytes: 1_000_000, ms: 2000 };

/** Registers the function `name` for one method and route; `handler` gets the caller who proved who it is. */
export function callerFunction(
  name: string,
  method: HttpMethod,
  route: string,
  handler: (request: HttpRequest, caller: Caller) => Promise<HttpResponseInit>,
): void {
  publicFunction(name, method, route, async (request) => handler(request, await authenticate(authentication, request)));
}

/** Registers a function that answers strangers too. */
export function publicFunction(
  name: string,
  method: HttpMethod,
  route: string,
  handler: (request: HttpRequest) => Promise<HttpResponseInit>,
): void {
  app.http(name, {
    methods: [method],
    route,
    authLevel: 'anonymous',
    handler: async (request) => {
      const response = await answer(name, request, handler);
      await letRunOut(request);
      return response;
    },
  });
}

async function answer(
  name: string,
  request: HttpRequest,
  handler: (request: HttpRequest) => Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof Refusal) return problemResponse(error);
    events.trouble('An HTTP function failed; the caller keeps the mail and tries again.', {
      function: name,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return problemResponse(
      new Refusal('unavailable', 'The relay could not do this now. Nothing was promised: keep the mail and try again.'),
    );
  }
}

async function letRunOut({ body }: HttpRequest): Promise<void> {
  if (!body || body.locked) return;
  const reader = body.getReader();
  const deadline = setTimeout(() => reader.releaseLock(), RUN_OUT.ms);
  try {
    for (let left = RUN_OUT.bytes; left > 0; ) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= (value as Uint8Array).length;
    }
  } catch {
    // The client has gone away, or the time is up: its answer goes out all the same.
  } finally {
    clearTimeout(deadline);
    reader.releaseLock();
  }
}
