import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { isMessageId, newMessageId } from '../contract/messageId.ts';
import { type AcceptedAnswer, messagePath } from '../contract/relayProtocol.ts';
import { Refusal } from './problems.ts';

/** `202 {"id","state"}`: the cloud is responsible for the mail. */
export function acceptedResponse({ id, state }: AcceptedAnswer): HttpResponseInit {
  return { status: 202, headers: { location: messagePath(id) }, jsonBody: { id, state } };
}

/** The id in the path; 400 when it is not a lower-case UUID. */
export function messageIdOf(request: HttpRequest): string {
  const id = request.params.id ?? '';
  if (!isMessageId(id)) throw new Refusal('bad-request', 'The id in the path is not a lower-case UUID.');
  return id;
}

const ids = new WeakMap<HttpRequest, string>();

/** The id of a message that is posted: its Idempotency-Key, or one that is minted for it. */
export function postedIdOf(request: HttpRequest): string {
  const id = idempotencyKeyOf(request) ?? newMessageId();
  ids.set(request, id);
  return id;
}

/** The id that a request is about, as far as it has one: under it the same message may be sent again. */
export function idOf(request: HttpRequest): string | undefined {
  return ids.get(request) ?? request.params.id;
}

/** The `Idempotency-Key`, which becomes the id; undefined when there is none, 400 when it is not a UUID. */
function idempotencyKeyOf(request: HttpRequest): string | undefined {
  const key = request.headers.get('idempotency-key');
  if (key === null) return undefined;
  const id = key
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .toLowerCase();
  if (!isMessageId(id)) throw new Refusal('bad-request', 'Idempotency-Key is not a UUID.');
  return id;
}
