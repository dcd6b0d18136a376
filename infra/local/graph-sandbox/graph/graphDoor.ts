// The door every call to /v1.0 comes through: ids, counting, faults, limits, the token; then its route; then the answer.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, sendAnswer } from '../answer.ts';
import type { Fault, Faults } from '../faults.ts';
import { readBody } from '../requestBody.ts';
import type { CallCounter } from '../stats.ts';
import { DraftGone } from '../store/draftStore.ts';
import { MOST_REQUEST_BYTES } from './graphCall.ts';
import { errorAnswer, GraphError, type RequestIds, tooLargeAnswer } from './graphError.ts';
import type { GraphLimits } from './graphLimits.ts';
import type { FindMailbox } from './mailboxes.ts';
import { decodeSegment, findRoute, type GraphRoute } from './routes.ts';

export interface GraphDoorOptions {
  readonly routes: readonly GraphRoute[];
  readonly findMailbox: FindMailbox;
  readonly faults: Faults;
  readonly calls: CallCounter;
  readonly limits: GraphLimits;
}

/** Answers one request whose path starts with /v1.0. */
export type GraphDoor = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

/** A door to `routes`. */
export function createGraphDoor({ routes, findMailbox, faults, calls, limits }: GraphDoorOptions): GraphDoor {
  return async (request, response, url) => {
    const method = request.method ?? 'GET';
    const path = url.pathname.slice('/v1.0'.length);
    const ids = requestIds(request);
    const user = /^\/users\/([^/]+)/i.exec(path)?.[1];
    const mailboxName = user === undefined ? '' : decodeSegment(user).toLowerCase();
    const done = calls.begin(mailboxName);
    const hungUp = new AbortController();
    response.once('close', () => {
      hungUp.abort();
      done();
    });
    const fault = faults.take(method, decodedPath(url.pathname));
    const admission = limits.admit(mailboxName);
    try {
      const body = await readBody(request, MOST_REQUEST_BYTES);
      const answer = fault && !fault.after ? undefined : await decide(body);
      if (fault) {
        answer?.stream?.destroy();
        await actOut(fault, ids, response, hungUp.signal);
      } else await finish(answer!);
    } catch (error) {
      // A client that broke off in its request: nobody to answer, nothing took effect.
      if (request.complete) console.error(`graph sandbox: ${method} ${path}: ${error}`);
      response.destroy();
    } finally {
      admission.end();
    }

    async function decide(body: Awaited<ReturnType<typeof readBody>>): Promise<Answer> {
      try {
        const sent = body.tooLarge ? body.length : body.bytes.length;
        await admission.upload(['POST', 'PUT', 'PATCH'].includes(method) ? sent : 0);
        const finding = findRoute(routes, method, path);
        if (finding.kind !== 'found' || !finding.route.preauthorised) requireToken(request);
        if (finding.kind === 'unknown') throw new GraphError('BadRequest', noSuchResource(method, path));
        if (finding.kind === 'wrong method') return wrongMethod(finding.allowed, ids);
        if (body.tooLarge && !/^application\/json/i.test(request.headers['content-type'] ?? ''))
          return tooLargeAnswer();
        return await finding.route.handler({
          ids,
          origin: `http://${request.headers.host ?? url.host}`,
          path: url.pathname,
          query: url.searchParams,
          headers: singleHeaders(request),
          body,
          params: finding.params,
          mailbox: findMailbox(finding.params.user ?? ''),
        });
      } catch (error) {
        if (error instanceof DraftGone) return errorAnswer(404, 'ErrorItemNotFound', undefined, ids);
        if (error instanceof GraphError)
          return errorAnswer(error.status, error.code, error.message, ids, error.headers);
        console.error(`graph sandbox: ${method} ${path}: ${error instanceof Error ? error.stack : error}`);
        return errorAnswer(500, 'ErrorInternalServerError', undefined, ids);
      }
    }

    async function finish(answer: Answer): Promise<void> {
      calls.answered(answer.status);
      await sendAnswer(response, { ...answer, headers: { ...graphHeaders(ids), ...answer.headers } });
    }

    async function actOut(due: Fault, ids: RequestIds, response: ServerResponse, hungUp: AbortSignal): Promise<void> {
      if (due.hangMs !== undefined) await faults.hang(due.hangMs, hungUp);
      if (due.dropConnection || due.status === undefined) {
        response.destroy();
        return;
      }
      const headers = due.retryAfter === undefined ? {} : { 'retry-after': due.retryAfter };
      await finish(
        due.code ? errorAnswer(due.status, due.code, undefined, ids, headers) : { status: due.status, headers },
      );
    }
  };
}

function requestIds(request: IncomingMessage): RequestIds {
  const requestId = randomUUID();
  const clientRequestId = request.headers['client-request-id'];
  return { requestId, clientRequestId: typeof clientRequestId === 'string' ? clientRequestId : requestId };
}

function graphHeaders(ids: RequestIds): Record<string, string> {
  return {
    'cache-control': 'private',
    'request-id': ids.requestId,
    'client-request-id': ids.clientRequestId,
    'x-ms-ags-diagnostic':
      '{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"LOCAL"}}',
  };
}

/** Any bearer token is good; a missing or empty one is not. */
function requireToken(request: IncomingMessage): void {
  if (!/^Bearer\s+\S/i.test(request.headers.authorization ?? ''))
    throw new GraphError('InvalidAuthenticationToken', undefined, {
      'www-authenticate':
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"',
    });
}

function noSuchResource(method: string, path: string): string {
  if (/^\/me(\/|$)/i.test(path)) return '/me request is only valid with delegated authentication flow.';
  return `Resource not found for the segment. The sandbox has no route for ${method} /v1.0${path}; it knows sendMail, messages, attachments, createUploadSession and send below /users/{id}.`;
}

function wrongMethod(allowed: readonly string[], ids: RequestIds): Answer {
  const allow = [...new Set(allowed)].join(', ');
  return errorAnswer(405, 'BadRequest', `The method is not allowed here; allowed: ${allow}.`, ids, { allow });
}

function singleHeaders(request: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}

function decodedPath(path: string): string {
  return path.split('/').map(decodeSegment).join('/');
}
