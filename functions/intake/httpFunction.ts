/**
 * The one way an HTTP function of this app is registered and answers. With streaming switched on, a handler that throws
 * or returns nothing never answers at all (azure-functions-nodejs-library#324): here whatever it throws becomes a problem
 * document. The platform checks no keys (`anonymous`): our own code authenticates the caller.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { app, type HttpMethod, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import type { Caller } from '../wiring/callers.ts';
import { authentication, events } from '../wiring/relay.ts';
import { idOf } from './answers.ts';
import { authenticate } from './authenticate.ts';
import { createRefusalNotes } from './noteRefusals.ts';
import { problemResponse, Refusal } from './problems.ts';
import { letRunOut } from './requestBody.ts';

/** An answer waits this long for a client that is still sending: many read nothing before they have sent all. */
const RUN_OUT_MS = 2000;

const noteRefusal = createRefusalNotes(events);
/** Whose a request was, for the event that tells of its refusal. */
const callers = new WeakMap<HttpRequest, string>();

/** Registers the function `name` for one method and route; `handler` gets the caller who proved who it is. */
export function callerFunction(
  name: string,
  method: HttpMethod,
  route: string,
  handler: (request: HttpRequest, caller: Caller) => Promise<HttpResponseInit>,
): void {
  publicFunction(name, method, route, async (request) => {
    const caller = await authenticate(authentication, request);
    callers.set(request, caller.name);
    return handler(request, caller);
  });
}

/** Registers a function that answers strangers too. */
export function publicFunction(
  name: string,
  method: HttpMethod,
  route: string,
  handler: (request: HttpRequest) => Promise<HttpResponseInit>,
): void {
  app.http(name, { methods: [method], route, authLevel: 'anonymous', handler: answering(name, handler) });
}

/** The handler as the library gets it: it answers whatever becomes of the request, and never throws. */
export function answering(
  name: string,
  handler: (request: HttpRequest) => Promise<HttpResponseInit>,
): (request: HttpRequest) => Promise<HttpResponseInit> {
  return async (request) => {
    const response = await answer(name, request, handler);
    await Promise.race([letRunOut(request), sleep(RUN_OUT_MS, undefined, { ref: false })]);
    return response;
  };
}

/** Whether a request to a public function comes from a caller. A credential that is wrong, or cannot be checked, makes a stranger. */
export async function isCaller(request: HttpRequest): Promise<boolean> {
  if (request.headers.get('authorization') === null) return false;
  return authenticate(authentication, request).then(
    () => true,
    () => false,
  );
}

async function answer(
  name: string,
  request: HttpRequest,
  handler: (request: HttpRequest) => Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof Refusal) {
      noteRefusal(error, name, callers.get(request));
      return problemResponse(error);
    }
    events.trouble('An HTTP function failed; the caller keeps the mail and tries again.', {
      function: name,
      error: error instanceof Error ? (error.stack ?? error.message) : inspect(error),
    });
    // It may have failed after the state was made: then the mail goes out, and the same id makes trying again harmless.
    const id = idOf(request);
    return problemResponse(
      new Refusal(
        'unavailable',
        'The relay could not finish this now. A mail in it may or may not be stored: keep it and send it again under the same id.',
        id === undefined ? {} : { id },
      ),
    );
  }
}
