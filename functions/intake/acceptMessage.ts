/** A message becomes a promise: body, state, wake-up, in this order, and only then 202. */
import { randomUUID } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { decodeEnvelope, type Envelope } from '../contract/envelope.ts';
import { addressProblem } from '../contract/mailAddress.ts';
import {
  type AcceptedAnswer,
  DIGEST_HEADER,
  ENVELOPE_HEADER,
  MESSAGE_CONTENT_TYPE,
} from '../contract/relayProtocol.ts';
import { addressKey } from '../mail/addressKey.ts';
import { matchesAny } from '../mail/addressPattern.ts';
import { chooseSender, entriesOf, type SenderChoice } from '../mail/chooseSender.ts';
import { fieldsNamed, fieldValue, type HeaderBlock } from '../mail/headerBlock.ts';
import { DELIVERIES, type DeliveryQueues } from '../storage/deliveryQueue.ts';
import { acceptedState, envelopeSha256, type MessageStateRecord } from '../storage/messageState.ts';
import type { MessageStore } from '../storage/messageStore.ts';
import { wakeUpOf } from '../storage/wakeUp.ts';
import type { Caller } from '../wiring/callers.ts';
import type { RelayEvents } from '../wiring/relayEvents.ts';
import type { Settings } from '../wiring/settings.ts';
import { promisedSha256 } from './contentDigest.ts';
import { Refusal } from './problems.ts';
import { type ReceivedBody, receiveBody } from './receiveBody.ts';

export interface IntakeOptions {
  readonly settings: Settings;
  readonly store: MessageStore;
  readonly queues: DeliveryQueues;
  readonly events: RelayEvents;
}

export interface Submission {
  readonly caller: Caller;
  readonly id: string;
  readonly request: HttpRequest;
  /** Whether recipients may come from To, Cc and Bcc when the request has no envelope. */
  readonly recipientsFromHeader: boolean;
}

/**
 * Accepts one message, or throws a {@link Refusal}. The same message under the same id is answered with its state, and
 * sent no second time; another message under the same id is refused with 409.
 */
export async function acceptMessage(options: IntakeOptions, submission: Submission): Promise<AcceptedAnswer> {
  const { settings, store, queues, events } = options;
  const { caller, id, request } = submission;
  const key = { caller: caller.name, id };
  checkContentType(request);
  const promised = promisedSha256(request.headers.get(DIGEST_HEADER));
  const given = readEnvelopeHeader(request, submission.recipientsFromHeader);
  const maxBytes = Math.min(settings.MAX_MESSAGE_BYTES, caller.maxMessageBytes ?? Number.POSITIVE_INFINITY);

  const known = await store.readState(key);
  const body = store.newBody(key);
  const received = await receiveBody(request, maxBytes, known ? async () => {} : (chunk) => body.write(chunk));
  if (promised !== undefined && promised !== received.sha256)
    throw new Refusal('bad-request', `The body does not have the digest that ${DIGEST_HEADER} promises.`);
  const envelope = given ?? envelopeFromHeader(received.header);
  const sender = checkSender(settings, caller, received.header, envelope);
  checkRecipients(caller, envelope.to);
  const record = newRecord({ caller, id, envelope, sender, received, traceparent: traceparentOf(request) });
  if (known) return replay(options, known.record, record);

  if (!(await body.commit(received.sha256)) && (await store.bodyDigest(key)) !== received.sha256) {
    // A body that was never promised may lie there from an attempt that broke off; or a twin was faster and is sent.
    const twin = await store.readState(key);
    if (twin) return replay(options, twin.record, record);
    throw conflict(id);
  }
  if (!(await store.createState(record))) {
    const twin = await store.readState(key);
    if (!twin) throw new Error(`State of ${id} exists and cannot be read.`);
    return replay(options, twin.record, record);
  }
  await queues.wakeUp(DELIVERIES, wakeUpOf(record), 0);
  events.accepted(record);
  // Instant of success: the 202 that this value becomes moves the responsibility to the cloud.
  return { id, state: record.state };
}

async function replay(
  { queues }: IntakeOptions,
  known: MessageStateRecord,
  again: MessageStateRecord,
): Promise<AcceptedAnswer> {
  if (known.bodySha256 !== again.bodySha256 || known.envelopeSha256 !== again.envelopeSha256) throw conflict(known.id);
  // The first attempt may have broken off between state and wake-up. One too many does no harm.
  if (known.state === 'accepted') await queues.wakeUp(DELIVERIES, wakeUpOf(known), 0);
  return { id: known.id, state: known.state };
}

function conflict(id: string): Refusal {
  return new Refusal(
    'conflict',
    `Another message, or the same for other recipients, is stored under ${id}. Mint a new id.`,
  );
}

function checkContentType(request: HttpRequest): void {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== MESSAGE_CONTENT_TYPE)
    throw new Refusal(
      'unsupported-media-type',
      `Post the message as ${MESSAGE_CONTENT_TYPE}, not as ${type || 'nothing'}.`,
    );
  const encoding = request.headers.get('content-encoding');
  if (encoding && encoding.toLowerCase() !== 'identity')
    throw new Refusal('unsupported-media-type', `Content-Encoding ${encoding.slice(0, 40)} is not supported.`);
}

function readEnvelopeHeader(request: HttpRequest, optional: boolean): Envelope | undefined {
  const text = request.headers.get(ENVELOPE_HEADER);
  if (text === null) {
    if (optional) return undefined;
    throw new Refusal('bad-request', `The ${ENVELOPE_HEADER} header is missing: it says who gets the mail.`);
  }
  const reading = decodeEnvelope(text);
  if (reading.ok) return reading.envelope;
  const extensions = reading.addresses ? { addresses: reading.addresses } : {};
  throw new Refusal(reading.status === 400 ? 'bad-request' : 'unprocessable-message', reading.detail, extensions);
}

/** What an application means that posts a message without an envelope: everybody in To, Cc and Bcc. */
function envelopeFromHeader(header: HeaderBlock): Envelope {
  const entries = ['to', 'cc', 'bcc'].flatMap((name) => entriesOf(header, name));
  const bad = entries.filter(({ address }) => address === undefined || addressProblem(address) !== undefined);
  if (bad.length > 0)
    throw new Refusal('unprocessable-message', `To, Cc or Bcc hold ${bad.length} entries that are no addresses.`, {
      addresses: bad.slice(0, 10).map(({ text }) => text.slice(0, 100)),
    });
  const to = [...new Map(entries.map(({ address }) => [addressKey(address!), address!])).values()];
  if (to.length === 0) throw new Refusal('unprocessable-message', 'To, Cc and Bcc name no recipient.');
  const client = { address: '', helo: '', user: '', tls: '' };
  return { v: 1, from: '', to, receivedAt: '', edge: '', client };
}

/** The envelope sender proves nothing: the mailbox, and every address in From and Sender, must be the caller's to use. */
function checkSender(settings: Settings, caller: Caller, header: HeaderBlock, envelope: Envelope): SenderChoice {
  const policy = { rules: settings.SENDER_RULES, defaultSender: settings.DEFAULT_SENDER };
  const sender = chooseSender(header, envelope.from, policy);
  if (!sender)
    throw new Refusal(
      'unprocessable-message',
      'Neither From, Sender nor the envelope names a usable sender, and there is no DEFAULT_SENDER.',
    );
  const refused = [...new Set([sender.mailbox, ...sender.claimed])].filter(
    (address) => !matchesAny(caller.senders, address),
  );
  if (refused.length > 0)
    throw new Refusal('sender-refused', `Caller ${caller.name} may not send as ${refused.slice(0, 5).join(', ')}.`, {
      addresses: refused.slice(0, 10),
    });
  return sender;
}

function checkRecipients(caller: Caller, recipients: readonly string[]): void {
  const refused = recipients.filter((address) => !matchesAny(caller.recipients, address));
  if (refused.length > 0)
    throw new Refusal('recipient-refused', `Caller ${caller.name} may not send to ${refused.slice(0, 5).join(', ')}.`, {
      addresses: refused.slice(0, 10),
    });
}

interface NewRecord {
  readonly caller: Caller;
  readonly id: string;
  readonly envelope: Envelope;
  readonly sender: SenderChoice;
  readonly received: ReceivedBody;
  readonly traceparent: string;
}

function newRecord({ caller, id, envelope, sender, received, traceparent }: NewRecord): MessageStateRecord {
  const now = new Date().toISOString();
  const [messageId] = fieldsNamed(received.header, 'message-id').map(fieldValue);
  const mail = {
    caller: caller.name,
    id,
    from: envelope.from,
    to: [...envelope.to],
    receivedAt: envelope.receivedAt || now,
    edge: envelope.edge,
    client: envelope.client,
    mailbox: sender.mailbox,
    messageId: messageId?.slice(0, 998) || `<${id}@${sender.from.slice(sender.from.lastIndexOf('@') + 1)}>`,
    size: received.size,
    bodySha256: received.sha256,
    envelopeSha256: envelopeSha256(envelope.from, envelope.to),
    traceparent,
  };
  return acceptedState(mail, now);
}

/** The caller's trace (W3C Trace Context), or a new one, so that every mail has one. */
function traceparentOf(request: HttpRequest): string {
  const given = request.headers.get('traceparent');
  if (given && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(given)) return given;
  const hex = () => randomUUID().replaceAll('-', '');
  return `00-${hex()}-${hex().slice(0, 16)}-01`;
}
