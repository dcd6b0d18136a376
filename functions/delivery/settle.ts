/** Writes down what came of an attempt, and sees to what follows from it. */
import { retryDelayMs } from '../contract/retrySchedule.ts';
import { addressKey } from '../mail/addressKey.ts';
import { DELIVERIES, DELIVERIES_WAITING } from '../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { StoredState } from '../storage/messageStore.ts';
import { wakeUpOf } from '../storage/wakeUp.ts';
import type { EventAttributes } from '../wiring/relayEvents.ts';
import type { DeliveryOptions } from './deliverMessage.ts';
import type { GraphOutcome } from './graphOutcome.ts';
import type { MailboxWindows } from './mailboxWindows.ts';
import { reportFailure } from './report/reportFailure.ts';
import { FIRST_LOOK_MS } from './resolveDoubt.ts';

const MINUTE = 60_000;
/** The cloud gives up after 3 days and 20 attempts, both: a clock that jumps expires nothing. */
const GIVE_UP_MS = 3 * 24 * 60 * MINUTE;
const GIVE_UP_ATTEMPTS = 20;
/** A mailbox that an administrator has to see to rests this long: briefly at first, it may be a hiccup. */
const OPERATOR_MS = { first: MINUTE / 2, later: 15 * MINUTE, firstTimes: 3 };
/** A mailbox that Graph throttles without saying for how long rests at most this long. */
const THROTTLED_MS = MINUTE / 2;
/** Shortest and longest `Retry-After` that is believed. */
const MIN_RETRY_AFTER_MS = 1000;
const MAX_RETRY_AFTER_MS = 24 * 60 * MINUTE;

type Retry = Extract<GraphOutcome, { kind: 'retry' }>;
type Reject = Extract<GraphOutcome, { kind: 'reject' }>;

/** What is told of the call beside its outcome: Graph's request ids, times. */
export type Trace = EventAttributes;

/** @param current the state the attempt began from: the claim, or what was read when no claim was needed */
export async function settle(
  options: DeliveryOptions,
  current: StoredState,
  outcome: GraphOutcome,
  trace: Trace,
): Promise<void> {
  // Somebody lives to tell it: whatever crashes there were are over.
  const alive: StoredState = { ...current, record: { ...current.record, crashes: 0 } };
  switch (outcome.kind) {
    case 'accepted':
      return settleSent(options, alive, trace);
    case 'reject':
      return settleReject(options, alive, outcome, trace);
    case 'retry':
      return settleRetry(options, alive, outcome, trace);
  }
}

/** Settles an attempt that nobody lives to tell of, as the AMBIGUOUS_SEND policy says. */
export function settleUntold(options: DeliveryOptions, current: StoredState, reason: string): Promise<void> {
  return settleRetry(options, current, { kind: 'retry', class: 'ambiguous', reason }, {});
}

/** `sent` absorbs: whoever holds Graph's 202 writes it, whatever the record says by now. */
async function settleSent(options: DeliveryOptions, current: StoredState, trace: Trace): Promise<void> {
  const { store, events } = options;
  const sentAt = new Date().toISOString();
  let from: StoredState | undefined = current;
  let written: StoredState | undefined;
  while (from && from.record.state !== 'sent' && !written) {
    const sent: MessageStateRecord = {
      ...from.record,
      state: 'sent',
      sentAt,
      due: null,
      claim: null,
      doubt: null,
      reason: null,
    };
    written = await store.replaceState(sent, from.etag);
    if (!written) from = await store.readState(current.record);
  }
  events.sent({ ...current.record, state: 'sent', sentAt }, { ...trace });
  await store.deleteBody(current.record);
}

async function settleReject(
  options: DeliveryOptions,
  current: StoredState,
  outcome: Reject,
  trace: Trace,
): Promise<void> {
  const reason = `${outcome.code}: ${outcome.reason}`;
  const fallback = options.settings.FALLBACK_MAILBOX;
  const { record } = current;
  if (!outcome.mailboxAtFault || !fallback || addressKey(fallback) === addressKey(record.mailbox))
    return settleFailed(options, { ...current, record: { ...record, reasonClass: undefined } }, reason, trace);
  const moved: MessageStateRecord = { ...record, mailbox: fallback, fallback: true, reason };
  await waitUntil(options, current, moved, 0, trace);
}

/** Back to `accepted`: first the state, then the wake-up, then success for the old one. A break in between wakes once too
 * often, never once too little. */
export async function waitUntil(
  { store, queues, events }: DeliveryOptions,
  current: StoredState,
  next: MessageStateRecord,
  delayMs: number,
  trace: Trace = {},
): Promise<boolean> {
  const due = new Date(Date.now() + delayMs).toISOString();
  const waiting: MessageStateRecord = { ...next, state: 'accepted', due, claim: null };
  if (!(await store.replaceState(waiting, current.etag))) return false;
  await queues.wakeUp(delayMs > 0 ? DELIVERIES_WAITING : DELIVERIES, wakeUpOf(waiting), delayMs);
  events.retried(waiting, { ...trace });
  return true;
}

async function settleFailed(options: DeliveryOptions, current: StoredState, reason: string, trace: Trace) {
  const failed: MessageStateRecord = {
    ...current.record,
    state: 'failed',
    due: null,
    claim: null,
    reason,
    reported: false,
  };
  const written = await options.store.replaceState(failed, current.etag);
  if (written) await reportFailure(options, written, trace);
}

async function settleRetry(options: DeliveryOptions, current: StoredState, outcome: Retry, trace: Trace) {
  const { settings, store, windows, events } = options;
  const { record } = current;
  const hold = outcome.class === 'ambiguous' && settings.AMBIGUOUS_SEND === 'hold';
  if (hold) {
    const { reason, class: reasonClass } = outcome;
    const held: MessageStateRecord = { ...record, state: 'held', due: null, claim: null, reason, reasonClass };
    if (await store.replaceState(held, current.etag)) events.held(held, { ...trace });
    return;
  }
  const delayMs = delayOf(record, outcome, windows);
  const lastOf = record.attempts >= GIVE_UP_ATTEMPTS && Date.now() - Date.parse(record.acceptedAt) > GIVE_UP_MS;
  if (lastOf)
    return settleFailed(
      options,
      { ...current, record: { ...record, reasonClass: outcome.class } },
      `GaveUp: ${record.attempts} attempts, the last: ${outcome.reason}`,
      trace,
    );

  if (outcome.class === 'throttled' || outcome.class === 'operator') {
    // How often this mail was tried says nothing about the mailbox: without a Retry-After a 429 rests it briefly.
    const parkMs =
      outcome.class === 'throttled' && !isBelieved(outcome.afterMs) ? Math.min(delayMs, THROTTLED_MS) : delayMs;
    windows.park(record.mailbox, parkMs);
    events.mailboxThrottled(record.mailbox, parkMs, { ...trace, reason: outcome.reason });
  }
  const waiting = { ...record, reason: outcome.reason, reasonClass: outcome.class };
  const now = new Date().toISOString();
  if (outcome.class === 'ambiguous' && settings.AMBIGUOUS_SEND === 'check') {
    const { since = record.acceptedAt, until = now } = record.claim ?? {};
    const doubt = { since, until: [until, now].sort()[0]!, looks: 0, failedLooks: 0 };
    await waitUntil(options, current, { ...waiting, doubt }, Math.max(delayMs, FIRST_LOOK_MS), trace);
    return;
  }
  // Told before it is written: once it is, the next worker sends, and this one may die before it tells anything.
  if (outcome.class === 'ambiguous') events.duplicateRisk(waiting, outcome.reason);
  await waitUntil(options, current, waiting, delayMs, trace);
}

/**
 * How long the mail waits. A `Retry-After` of nothing, or of a time that is past, counts as none: else the mail would
 * come back at once, for ever.
 */
function delayOf({ attempts, mailbox }: MessageStateRecord, outcome: Retry, windows: MailboxWindows): number {
  if (isBelieved(outcome.afterMs)) return Math.min(outcome.afterMs, MAX_RETRY_AFTER_MS);
  if (outcome.class !== 'operator') return retryDelayMs(attempts);
  return windows.troubled(mailbox) <= OPERATOR_MS.firstTimes ? OPERATOR_MS.first : OPERATOR_MS.later;
}

function isBelieved(afterMs: number | undefined): afterMs is number {
  return afterMs !== undefined && afterMs >= MIN_RETRY_AFTER_MS;
}
