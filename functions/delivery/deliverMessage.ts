/**
 * A wake-up comes in; the state record says what is to be done: nothing, wait, or claim the mail, hand it to Graph and
 * write down what came of it. However often and in whatever order wake-ups come, a mail is claimed by one of them.
 */
import { addressKey } from '../mail/addressKey.ts';
import {
  DELIVERIES,
  DELIVERIES_LARGE,
  DELIVERIES_WAITING,
  type DeliveryQueueName,
  type DeliveryQueues,
} from '../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { MessageKey, MessageStore, StoredState } from '../storage/messageStore.ts';
import { type WakeUp, wakeUpOf } from '../storage/wakeUp.ts';
import type { RelayEvents } from '../wiring/relayEvents.ts';
import type { Settings } from '../wiring/settings.ts';
import { takeInHand } from './bytesInHand.ts';
import { chooseMailbox } from './chooseMailbox.ts';
import { composeMime } from './composeMime.ts';
import { countCrash } from './crashes.ts';
import type { GraphClient } from './graphClient.ts';
import type { GraphOutcome } from './graphOutcome.ts';
import { goesAsDraft, handOverAsDraft } from './large/goesAsDraft.ts';
import type { CallResult, MailboxWindows, Permit, Place } from './mailboxWindows.ts';
import { resolveDoubt } from './resolveDoubt.ts';
import { sendMail } from './sendMail.ts';
import { settle, settleUntold } from './settle.ts';
import { sharesMessageId } from './sharedMessageIds.ts';

export interface DeliveryOptions {
  readonly settings: Settings;
  readonly store: MessageStore;
  readonly queues: DeliveryQueues;
  readonly graph: GraphClient;
  readonly windows: MailboxWindows;
  readonly events: RelayEvents;
  /** Names this process in claims. */
  readonly owner: string;
  readonly pause: Pause;
}

/** What this process last knew of the administrator's pause. */
export interface Pause {
  /** When the last answer came; 0: none yet. */
  askedAt: number;
  paused: boolean;
  /** The question that is under way. */
  asking?: Promise<boolean> | undefined;
}

/** How long a claim outlives the longest call, so that a slow answer still finds its claim. */
const CLAIM_MARGIN_MS = 10_000;
const PAUSE_ASK_MS = 10_000;
/** While delivery is paused, wake-ups come back this often. */
export const PAUSED_MS = 60_000;
/** A wake-up this much early counts as on time: clocks differ a little. */
const EARLY_MS = 500;

/** Works one wake-up off. Returns when nothing more is to be done for it now; throws only when storage fails. */
export async function deliverMessage(options: DeliveryOptions, wakeUp: WakeUp): Promise<void> {
  const { queues, windows } = options;
  if (await isPaused(options)) return comeBack(queues, DELIVERIES_WAITING, wakeUp, PAUSED_MS);
  const place = windows.enter(wakeUp.mailbox);
  if ('comeBackInMs' in place) return comeBack(queues, DELIVERIES_WAITING, wakeUp, place.comeBackInMs);
  try {
    await attempt(options, wakeUp, place);
  } finally {
    place.leave();
  }
}

/**
 * Paused by the DELIVERY setting, or by an administrator's `messages pause`, which is asked for at most every 10 s. While
 * there is no answer, or only an old one, everybody waits for the same question: nothing is sent on a guess.
 */
export async function isPaused({ settings, store, pause }: DeliveryOptions): Promise<boolean> {
  if (settings.DELIVERY === 'paused') return true;
  if (Date.now() <= pause.askedAt + PAUSE_ASK_MS) return pause.paused;
  pause.asking ??= askPause(store, pause);
  return pause.asking;
}

async function askPause(store: MessageStore, pause: Pause): Promise<boolean> {
  try {
    pause.paused = await store.isPaused();
    pause.askedAt = Date.now();
    return pause.paused;
  } finally {
    pause.asking = undefined;
  }
}

function comeBack(queues: DeliveryQueues, queue: DeliveryQueueName, wakeUp: WakeUp, delayMs: number): Promise<void> {
  return queues.wakeUp(queue, wakeUp, delayMs);
}

async function attempt(options: DeliveryOptions, wakeUp: WakeUp, place: Place): Promise<void> {
  const { store, queues, events, settings } = options;
  const key: MessageKey = { caller: wakeUp.caller, id: wakeUp.id };
  const found = await store.readState(key);
  if (!found) {
    events.trouble('A wake-up names a mail that is not there. It is dropped.', { ...key });
    return;
  }
  const { record } = found;
  if (record.state === 'sent' || record.state === 'held' || record.state === 'failed') return;

  const waitMs = Date.parse((record.state === 'sending' ? record.claim?.until : record.due) ?? '') - Date.now();
  if (addressKey(wakeUp.mailbox) !== addressKey(record.mailbox)) {
    // The mail has moved since, and this place is at the door of the mailbox before.
    const right = wakeUpOf(record);
    await (waitMs > EARLY_MS
      ? comeBack(queues, DELIVERIES_WAITING, right, waitMs)
      : comeBack(queues, DELIVERIES, right, 0));
    return;
  }
  if (waitMs > EARLY_MS) {
    await comeBack(queues, DELIVERIES_WAITING, wakeUp, waitMs);
    return;
  }
  if (record.chooseMailbox) return chooseMailbox(options, found);
  if (goesAsDraft(record, settings)) {
    await comeBack(queues, DELIVERIES_LARGE, wakeUp, 0);
    return;
  }
  const wanted = await takeOver(options, found);
  if (!wanted) return;
  const hand = takeInHand(record.size);
  if ('comeBackInMs' in hand) return comeBack(queues, DELIVERIES_WAITING, wakeUp, hand.comeBackInMs);
  try {
    await deliver(options, wakeUp, wanted, place);
  } finally {
    hand.putDown();
  }
}

/** A mail that is to be sent, and why it may have been sent before. */
interface WantedMail extends StoredState {
  readonly risk?: string | undefined;
}

/** The mail as it may be claimed; undefined where an expired claim decides otherwise. */
async function takeOver(options: DeliveryOptions, found: StoredState): Promise<WantedMail | undefined> {
  if (found.record.state !== 'sending') return found;
  // The claim's owner died, or lost its way, between our claim and its answer: the mail may have been sent.
  const risk = 'ClaimExpired: the process that was sending the mail ended before it wrote down what came of it.';
  const counted = await countCrash(options, found);
  if (counted && options.settings.AMBIGUOUS_SEND !== 'resend') {
    await settleUntold(options, counted, risk);
    return undefined;
  }
  return counted && { ...counted, risk };
}

async function deliver(options: DeliveryOptions, wakeUp: WakeUp, wanted: WantedMail, place: Place): Promise<void> {
  const { store, queues, settings } = options;
  const { record } = wanted;
  const body = await store.openBody(record);
  if (!body) return bodyMissing(options, record);
  const composition = await composeMime(record, body, settings);
  if (composition.kind === 'large' && settings.LARGE_MAIL === 'on') {
    await handOverAsDraft(options, wanted);
    return;
  }
  if (composition.kind !== 'mime') {
    await settle(options, wanted, impossible(composition), {});
    return;
  }
  // Asked before the permit is held, and remembered: reading what storage knows may take a while.
  if (record.doubt) await sharesMessageId(store, record);
  const permit = place.take();
  if ('comeBackInMs' in permit) return comeBack(queues, DELIVERIES_WAITING, wakeUp, permit.comeBackInMs);
  const call = await callGraph(options, wanted, composition.mime, permit);
  if (!call) return;
  const { claimed, outcome, trace } = call;
  if (outcome.kind === 'reject' && outcome.tooLarge && settings.LARGE_MAIL === 'on')
    await handOverAsDraft(options, claimed);
  else await settle(options, claimed, outcome, { ...trace });
}

/** Claims the mail and hands it to Graph under a permit; undefined when there was nothing to hand over after all. */
async function callGraph(options: DeliveryOptions, wanted: WantedMail, mime: Buffer, permit: Permit) {
  const { record } = wanted;
  let result: CallResult = 'unknown';
  try {
    if ((await resolveDoubt(options, wanted, mime)) === 'settled') return undefined;
    const claimed = await claim(options, wanted);
    // Somebody was faster: the mail is theirs.
    if (!claimed) return undefined;
    const risk = record.doubt ? (record.reason ?? 'The last attempt ended unknown.') : wanted.risk;
    if (risk !== undefined) options.events.duplicateRisk(record, risk);
    const { outcome, trace } = await sendMail(options.graph, record.mailbox, mime);
    if (outcome.kind === 'accepted') result = 'clean';
    else if (outcome.kind === 'retry' && outcome.class === 'throttled') result = 'throttled';
    return { claimed, outcome, trace };
  } finally {
    permit.release(result);
  }
}

/**
 * Writes the claim; from here until {@link settle} the outcome is unknown to everybody else. A claim that took so long to
 * write that it no longer covers a whole call is written again: else another worker could take it for void during the call.
 */
async function claim(options: DeliveryOptions, found: StoredState): Promise<StoredState | undefined> {
  const { store, settings, owner } = options;
  const attempt = found.record.attempts + 1;
  const since = new Date().toISOString();
  let current: StoredState | undefined = found;
  for (let began = 0; current && Date.now() - began > CLAIM_MARGIN_MS / 2; ) {
    began = Date.now();
    const until = new Date(began + settings.GRAPH_TIMEOUT_SECONDS * 1000 + CLAIM_MARGIN_MS).toISOString();
    const claimed: MessageStateRecord = {
      ...current.record,
      state: 'sending',
      attempts: attempt,
      doubt: null,
      claim: { owner, since, until, attempt },
    };
    current = await store.replaceState(claimed, current.etag);
  }
  return current;
}

async function bodyMissing(options: DeliveryOptions, key: MessageKey): Promise<void> {
  // A twin may have sent the mail and deleted the body since the state was read.
  const again = await options.store.readState(key);
  if (again?.record.state !== 'accepted' && again?.record.state !== 'sending') return;
  const reason = 'The stored message is gone. It cannot be sent.';
  await settle(options, again, { kind: 'reject', code: 'BodyMissing', reason }, {});
}

function impossible(
  composition: Exclude<Awaited<ReturnType<typeof composeMime>>, { kind: 'mime' }>,
): Extract<GraphOutcome, { kind: 'reject' }> {
  if (composition.kind === 'impossible') return { ...composition, kind: 'reject' };
  const reason = `The message has ${composition.bytes} bytes, more than one Graph request takes.`;
  return { kind: 'reject', code: 'MessageTooLarge', reason };
}
