/**
 * The one way an HTTP function of this app is registered and answers. With streaming switched on, a handler that throws
 * or returns nothing never answers at all (azure-functions-nodejs-library#324): here whatever it throws becomes a problem
 * document. The platform checks no keys (`anonymous`): every handler authenticates its caller itself.
 */
import { app, type HttpHandler, type HttpMethod, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { events } from '../wiring/relay.ts';
import { problemResponse, Refusal } from './problems.ts';

/** Registers the function `name` for one method and route. */
export function httpFunction(
  name: string,
  method: HttpMethod,
  route: string,
  handler: (request: HttpRequest) => Promise<HttpResponseInit>,
): void {
  app.http(name, { methods: [method], route, authLevel: 'anonymous', handler: answering(name, handler) });
}

function answering(name: string, handler: (request: HttpRequest) => Promise<HttpResponseInit>): HttpHandler {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      if (error instanceof Refusal) return problemResponse(error);
      events.trouble('An HTTP function failed; the caller keeps the mail and tries again.', {
        function: name,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return problemResponse(
        new Refusal(
          'unavailable',
          'The relay could not do this now. Nothing was promised: keep the mail and try again.',
        ),
      );
    }
  };
}
