/**
 * A message becomes a promise: body, state, wake-up, in this order, and only then 202.
 *
 * The state is not read first: nearly every mail is new, and creating body and state under If-None-Match tells just as
 * well. Whoever creates the state owns the promise. All others find it there and are replays:
 * - a body that is there already with the same digest is the same mail, from a twin or from an attempt that broke off;
 * - a state that is there already decides: same digests, answer with it; others, 409;
 * - a body that this request made although the mail is `sent`, or another mail, is taken away again. In any other state
 *   it is the very body that the state is about, made by this request a moment before a twin made the state.
 */
import { SpanKind } from '@opentelemetry/api';
import type { Envelope } from '../contract/envelope.ts';
import type { AcceptedAnswer } from '../contract/relayProtocol.ts';
import type { SenderChoice } from '../mail/chooseSender.ts';
import { fieldsNamed, fieldValue, type HeaderBlock } from '../mail/headerBlock.ts';
import { DELIVERIES, type DeliveryQueues } from '../storage/deliveryQueue.ts';
import { acceptedState, envelopeSha256, type MessageStateRecord } from '../storage/messageState.ts';
import type { MessageKey, MessageStore } from '../storage/messageStore.ts';
import { wakeUpOf } from '../storage/wakeUp.ts';
import type { Caller } from '../wiring/callers.ts';
import type { RelayEvents } from '../wiring/relayEvents.ts';
import type { Settings } from '../wiring/settings.ts';
import { usableTraceparent, workOnMail } from '../wiring/telemetry/mailTrace.ts';
import { checkRecipients, checkSender, maxMessageBytes } from './callerRules.ts';
import { Refusal } from './problems.ts';
import type { ReceivedBody, WriteBytes } from './receiveBody.ts';
import { envelopeFromHeader } from './requestEnvelope.ts';

export interface IntakeOptions {
  readonly settings: Settings;
  readonly store: MessageStore;
  readonly queues: DeliveryQueues;
  readonly events: RelayEvents;
}

/** A message on its way in, however it came. */
export interface Submission {
  readonly id: string;
  /** Who gets it; undefined: everybody in To, Cc and Bcc. */
  readonly envelope: Envelope | undefined;
  /** Whether an application composed it, whose recipients {@link envelope} only lists: there is no envelope sender. */
  readonly composed?: boolean;
  /** W3C trace context, where the sender has one. */
  readonly traceparent: string | null;
  /** Hands the stored message's bytes on; returns only if all of it is there and is what its sender says. */
  receive(maxBytes: number, write: WriteBytes, checkHeader: (header: HeaderBlock) => void): Promise<ReceivedBody>;
}

/**
 * A body without a state is adopted up to this age. The sweeper clears such bodies away at 24 h, and must not meet a
 * promise that is being made.
 */
const MAX_ADOPTED_AGE_MS = 23 * 3600 * 1000;

/**
 * Accepts one message, or throws a {@link Refusal}. The same message under the same id is answered with its state, and
 * sent no second time; another message under the same id is refused with 409.
 */
export function acceptMessage(options: IntakeOptions, caller: Caller, submission: Submission): Promise<AcceptedAnswer> {
  const traceparent = usableTraceparent(submission.traceparent);
  const attributes = { id: submission.id, caller: caller.name };
  // The host counts the request; this is what became of it.
  const work = { name: 'acceptMessage', kind: SpanKind.INTERNAL, traceparent, attributes };
  return workOnMail(work, () => accept(options, caller, { ...submission, traceparent }));
}

async function accept(
  options: IntakeOptions,
  caller: Caller,
  submission: Submission & { readonly traceparent: string },
): Promise<AcceptedAnswer> {
  const { settings, store, queues, events } = options;
  const key: MessageKey = { caller: caller.name, id: submission.id };
  const body = store.newBody(key);
  const admit = (header: HeaderBlock) => {
    const envelope = submission.envelope ?? envelopeFromHeader(header);
    const sender = checkSender(settings, caller, header, envelope);
    checkRecipients(caller, envelope.to);
    return { envelope, sender };
  };
  const received = await submission.receive(
    maxMessageBytes(settings, caller),
    (chunk) => body.write(chunk),
    (header) => void admit(header),
  );
  const { envelope, sender } = admit(received.header);
  const composed = submission.composed === true || submission.envelope === undefined;
  const record = newRecord(key, { envelope, composed, sender, received, traceparent: submission.traceparent });

  const created = await body.commit(received.sha256);
  if (!created) {
    const inTheWay = await whatIsInTheWay(store, record);
    const known = inTheWay && (await store.readState(key));
    if (known) return replay(options, known.record, record);
    if (inTheWay) throw inTheWay;
  }
  if (!(await store.createState(record))) {
    const known = (await store.readState(key))?.record;
    if (!known) throw new Error(`The state of ${key.id} exists and cannot be read.`);
    if (created && (known.state === 'sent' || known.bodySha256 !== record.bodySha256)) await store.deleteBody(key);
    return replay(options, known, record);
  }
  await queues.wakeUp(DELIVERIES, wakeUpOf(record), 0);
  events.accepted(record);
  // Instant of success: the 202 that this value becomes moves the responsibility to the cloud.
  return { id: record.id, state: record.state };
}

/** Why the body that is stored under the record's name may not stand for the one that came with it, if there is a reason. */
async function whatIsInTheWay(store: MessageStore, record: MessageStateRecord): Promise<Refusal | undefined> {
  const stored = await store.describeBody(record);
  if (!stored) return new Refusal('unavailable', 'The mail was being sent just now. Ask for its state.');
  if (stored.sha256 !== record.bodySha256) return conflict(record.id);
  if (Date.now() - stored.createdAt.getTime() < MAX_ADOPTED_AGE_MS) return undefined;
  return new Refusal('unavailable', 'The remains of an upload that broke off long ago are in the way. They go soon.');
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

interface NewMail {
  readonly envelope: Envelope;
  readonly composed: boolean;
  readonly sender: SenderChoice;
  readonly received: ReceivedBody;
  readonly traceparent: string;
}

function newRecord({ caller, id }: MessageKey, mail: NewMail): MessageStateRecord {
  const { envelope, sender, received } = mail;
  const now = new Date().toISOString();
  const [messageId] = fieldsNamed(received.header, 'message-id').map(fieldValue);
  return acceptedState(
    {
      caller,
      id,
      // An application has no envelope sender: whoever its mail is from hears when it fails.
      from: mail.composed ? sender.address : envelope.from,
      to: [...envelope.to],
      receivedAt: envelope.receivedAt || now,
      edge: envelope.edge,
      client: envelope.client,
      mailbox: sender.mailbox,
      messageId: messageId?.slice(0, 998) || `<${id}@${sender.from.slice(sender.from.lastIndexOf('@') + 1)}>`,
      size: received.size,
      bodySha256: received.sha256,
      // Of what was submitted: what this release makes of it must not turn a replay into another mail.
      envelopeSha256: envelopeSha256(envelope.from, envelope.to),
      traceparent: mail.traceparent,
    },
    now,
  );
}
