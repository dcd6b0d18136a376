/** A message that comes in parts, for uplinks too slow to carry it in one request; the contract tells the protocol. */
import type { HttpRequest } from '@azure/functions';
import {
  type AcceptedAnswer,
  MAX_PART_BYTES,
  MAX_PARTS,
  PARTS_HEADER,
  type PartReceipt,
  WHOLE_DIGEST_HEADER,
} from '../contract/relayProtocol.ts';
import { envelopeSha256 } from '../storage/messageState.ts';
import type { PartStore, StagedPart } from '../storage/partStore.ts';
import type { Caller } from '../wiring/callers.ts';
import { acceptMessage, type IntakeOptions } from './acceptMessage.ts';
import { maxMessageBytes } from './callerRules.ts';
import { promisedSha256 } from './contentDigest.ts';
import { isVerdict, Refusal } from './problems.ts';
import { receiveBody } from './receiveBody.ts';
import { openRequestBody } from './requestBody.ts';
import { requiredEnvelope } from './requestEnvelope.ts';

export interface PartOptions extends IntakeOptions {
  readonly parts: PartStore;
}

/** Stages one part. It promises nothing: only the commit does. */
export async function putPart(
  { parts, settings }: PartOptions,
  caller: Caller,
  id: string,
  request: HttpRequest,
): Promise<PartReceipt> {
  const n = /^[1-9]\d{0,3}$/.test(request.params.n ?? '') ? Number(request.params.n) : 0;
  if (n < 1 || n > MAX_PARTS) throw new Refusal('bad-request', `Parts are numbered from 1 to ${MAX_PARTS}.`);
  const most = Math.min(MAX_PART_BYTES, maxMessageBytes(settings, caller));
  // Filled as it comes: collected first and then joined, a part would be in memory twice, and several come at once.
  const room = Buffer.allocUnsafeSlow(most);
  let filled = 0;
  for await (const chunk of openRequestBody(request, most, 'part')) {
    room.set(chunk, filled);
    filled += chunk.length;
  }
  const bytes = room.subarray(0, filled);
  if (bytes.length === 0) throw new Refusal('bad-request', 'The part is empty.');
  return parts.stage({ caller: caller.name, id }, n, bytes);
}

/** Accepts the message whose parts the request lists: an empty PUT with {@link PARTS_HEADER}. */
export async function acceptParts(
  options: PartOptions,
  caller: Caller,
  id: string,
  request: HttpRequest,
): Promise<AcceptedAnswer> {
  const { parts, store } = options;
  const key = { caller: caller.name, id };
  for await (const chunk of openRequestBody(request, MAX_PART_BYTES, 'part'))
    if (chunk.length > 0) throw new Refusal('bad-request', `A request with ${PARTS_HEADER} has no body.`);
  const wanted = listedParts(request.headers.get(PARTS_HEADER)!);
  const promised = promisedSha256(request.headers.get(WHOLE_DIGEST_HEADER), WHOLE_DIGEST_HEADER);
  if (promised === undefined)
    throw new Refusal('bad-request', `A request with ${PARTS_HEADER} needs ${WHOLE_DIGEST_HEADER} too.`);
  const envelope = requiredEnvelope(request);
  try {
    const answer = await acceptMessage(options, caller, {
      id,
      envelope,
      traceparent: request.headers.get('traceparent'),
      async receive(maxBytes, write, checkHeader) {
        const whole = await parts.open(key, wanted);
        if (!whole) throw missing(wanted, await parts.list(key));
        const received = await receiveBody(whole, maxBytes, write, checkHeader);
        if (received.sha256 === promised) return received;
        throw new Refusal('bad-request', `The parts do not have the digest that ${WHOLE_DIGEST_HEADER} promises.`);
      },
    });
    await parts.discard(key);
    return answer;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // Only a verdict makes the parts useless: after anything else the same commit comes again.
    if (isVerdict(error)) await parts.discard(key);
    if (error.problem !== 'parts-missing') throw error;
    // The answer to an earlier commit may have been lost, and the parts are gone because the message is accepted.
    const known = (await store.readState(key))?.record;
    if (known?.bodySha256 !== promised || known.envelopeSha256 !== envelopeSha256(envelope.from, envelope.to))
      throw error;
    return { id, state: known.state };
  }
}

function listedParts(header: string): StagedPart[] {
  const digests = header.split(',').map((text) => text.trim());
  if (digests.length > MAX_PARTS || digests.some((text) => !/^[0-9a-f]{64}$/.test(text)))
    throw new Refusal(
      'bad-request',
      `${PARTS_HEADER} is not a list of 1 to ${MAX_PARTS} SHA-256 digests in lower-case hex.`,
    );
  return digests.map((sha256, index) => ({ n: index + 1, sha256 }));
}

function missing(wanted: readonly StagedPart[], staged: readonly PartReceipt[]): Refusal {
  const have = new Set(staged.map(({ n, sha256 }) => `${n} ${sha256}`));
  const numbers = wanted.filter(({ n, sha256 }) => !have.has(`${n} ${sha256}`)).map(({ n }) => n);
  const list = numbers.length > 0 ? `Part ${numbers.join(', ')}` : 'Something';
  return new Refusal('parts-missing', `${list} is not staged. Stage it and commit again.`, { missing: numbers });
}
