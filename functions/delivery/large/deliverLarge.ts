/**
 * A wake-up for a mail that one request cannot carry. The state record decides, as for small mail; what differs is the
 * way: minutes instead of a second, so the claim is renewed, and a draft, so an unknown outcome can be looked up.
 */
import { DELIVERIES, DELIVERIES_LARGE } from '../../storage/deliveryQueue.ts';
import type { MessageKey, StoredState } from '../../storage/messageStore.ts';
import { type WakeUp, wakeUpOf } from '../../storage/wakeUp.ts';
import { countCrash } from '../crashes.ts';
import { type DeliveryOptions, isPaused, PAUSED_MS } from '../deliverMessage.ts';
import { resolveDoubt } from '../resolveDoubt.ts';
import { settle } from '../settle.ts';
import { keepClaim } from './claimKeeper.ts';
import { attemptDraft, draftMessageId } from './draftAttempt.ts';
import { goesAsDraft } from './goesAsDraft.ts';
import type { LargeMailSeats, Seat } from './largeMailSeats.ts';
import { openMail } from './storedMail.ts';

export interface LargeDeliveryOptions extends DeliveryOptions {
  readonly seats: LargeMailSeats;
  /** Longest one attempt may take, in milliseconds. */
  readonly attemptLimitMs?: number;
}

/** A wake-up this much early counts as on time: clocks differ a little. */
const EARLY_MS = 500;

/** Works one wake-up off. Returns when nothing more is to be done for it now; throws only when storage fails. */
export async function deliverLarge(options: LargeDeliveryOptions, wakeUp: WakeUp): Promise<void> {
  const { store, queues, events, settings, seats } = options;
  const comeBack = (delayMs: number) => queues.wakeUp(DELIVERIES_LARGE, wakeUp, delayMs);
  if (await isPaused(options)) return comeBack(PAUSED_MS);
  const key: MessageKey = { caller: wakeUp.caller, id: wakeUp.id };
  const found = await store.readState(key);
  if (!found) return events.trouble('A wake-up names a mail that is not there. It is dropped.', { ...key });
  const { record } = found;
  if (record.state !== 'accepted' && record.state !== 'sending') return;
  const waitMs = Date.parse((record.state === 'sending' ? record.claim?.until : record.due) ?? '') - Date.now();
  if (waitMs > EARLY_MS) return comeBack(waitMs);
  // A mailbox is chosen in one place only; this wake-up may be from before somebody asked for that.
  if (record.chooseMailbox) return queues.wakeUp(DELIVERIES, wakeUpOf(record), 0);
  if (!goesAsDraft(record, settings)) return queues.wakeUp(DELIVERIES, wakeUp, 0);

  const seat = seats.take(record.mailbox, record.size);
  if ('comeBackInMs' in seat) return comeBack(seat.comeBackInMs);
  let uploadedBytes = 0;
  try {
    uploadedBytes = await work(options, found, seat);
  } finally {
    seat.leave(uploadedBytes);
  }
}

/** The bytes that were uploaded. */
async function work(options: LargeDeliveryOptions, found: StoredState, { othersWait }: Seat): Promise<number> {
  const { store, events } = options;
  const { record } = found;
  if (record.doubt) {
    const stored = await store.openBody(record);
    const mail = stored && (await openMail(stored));
    mail?.close();
    const carried = { messageId: draftMessageId(record) };
    if (mail && (await resolveDoubt(options, found, mail.beginning, carried)) === 'settled') return 0;
    events.duplicateRisk(record, record.reason ?? 'The last attempt ended unknown.');
  }
  const wanted = record.state === 'sending' ? await countCrash(options, found) : found;
  const claim = wanted && (await keepClaim(options, wanted));
  // Somebody was faster: the mail is theirs.
  if (!claim) return 0;
  try {
    const { outcome, trace, changes, uploadedBytes } = await attemptDraft({
      options,
      claim,
      open: () => store.openBody(record),
      othersWait,
    });
    await claim.stop();
    const { record: claimed, etag } = claim.current;
    if (!claim.lost.aborted || outcome.kind === 'accepted')
      await settle(options, { record: { ...claimed, ...changes }, etag }, outcome, trace);
    return uploadedBytes;
  } finally {
    await claim.stop();
  }
}
