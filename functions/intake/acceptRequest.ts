/** Which way a request brings its message: as it is, in parts, or as JSON. */
import type { HttpRequest } from '@azure/functions';
import { type AcceptedAnswer, ENVELOPE_HEADER, MESSAGE_CONTENT_TYPE, PARTS_HEADER } from '../contract/relayProtocol.ts';
import type { Caller } from '../wiring/callers.ts';
import { acceptJson } from './acceptJson.ts';
import { acceptMessage, type IntakeOptions } from './acceptMessage.ts';
import { acceptParts, type PartOptions } from './messageParts.ts';
import { Refusal } from './problems.ts';
import { receiveBody } from './receiveBody.ts';
import { openRequestBody } from './requestBody.ts';
import { envelopeOf, requiredEnvelope } from './requestEnvelope.ts';

const JSON_CONTENT_TYPE = 'application/json';

/** A PUT: a raw message with an envelope, in one request or as the commit of its parts. */
export async function acceptPut(
  options: PartOptions,
  caller: Caller,
  id: string,
  request: HttpRequest,
): Promise<AcceptedAnswer> {
  checkContentType(request, [MESSAGE_CONTENT_TYPE]);
  if (request.headers.get(PARTS_HEADER) !== null) return acceptParts(options, caller, id, request);
  return acceptRaw(options, caller, { id, request, envelope: requiredEnvelope(request) });
}

/** A POST: a raw message, its recipients in an envelope or in its header; or JSON. */
export async function acceptPost(
  options: IntakeOptions,
  caller: Caller,
  id: string,
  request: HttpRequest,
): Promise<AcceptedAnswer> {
  const type = checkContentType(request, [MESSAGE_CONTENT_TYPE, JSON_CONTENT_TYPE]);
  if (type === JSON_CONTENT_TYPE) {
    if (request.headers.get(ENVELOPE_HEADER) !== null)
      throw new Refusal('bad-request', `JSON says itself who gets the mail: send it without ${ENVELOPE_HEADER}.`);
    return acceptJson(options, caller, id, request);
  }
  return acceptRaw(options, caller, { id, request, envelope: envelopeOf(request) });
}

function acceptRaw(
  options: IntakeOptions,
  caller: Caller,
  { id, request, envelope }: { id: string; request: HttpRequest; envelope: ReturnType<typeof envelopeOf> },
): Promise<AcceptedAnswer> {
  return acceptMessage(options, caller, {
    id,
    envelope,
    traceparent: request.headers.get('traceparent'),
    receive: (maxBytes, write, checkHeader) =>
      receiveBody(openRequestBody(request, maxBytes), maxBytes, write, checkHeader),
  });
}

function checkContentType(request: HttpRequest, allowed: readonly string[]): string {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type && allowed.includes(type)) return type;
  throw new Refusal('unsupported-media-type', `Send ${allowed.join(' or ')}, not ${type?.slice(0, 80) || 'nothing'}.`);
}
