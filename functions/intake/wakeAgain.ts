/**
 * A caller asks for a mail that nothing has tried to send yet. An edge asks before it uploads again, because it got no
 * answer: perhaps the process died between state and wake-up. One wake-up too many does no harm; one too few would leave
 * the mail to the sweeper, for a quarter of an hour.
 */
import { DELIVERIES, type DeliveryQueues } from '../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import { wakeUpOf } from '../storage/wakeUp.ts';

/** A mail just accepted has its wake-up on the way. */
const FRESH_MS = 1000;
/** An application that polls causes one wake-up a minute, not one a question. */
const AGAIN_MS = 60_000;
const MAX_REMEMBERED = 10_000;

const wokenAt = new Map<string, number>();

/** Wakes the mail if it should have been tried by now and has not; returns whether it did. */
export async function wakeAgain(
  queues: DeliveryQueues,
  record: MessageStateRecord,
  now = Date.now(),
): Promise<boolean> {
  const overdue = record.state === 'accepted' && record.attempts === 0 && now - Date.parse(record.due ?? '') > FRESH_MS;
  const name = `${record.caller}/${record.id}`;
  if (!overdue || now - (wokenAt.get(name) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return false;
  if (wokenAt.size >= MAX_REMEMBERED) wokenAt.clear();
  wokenAt.set(name, now);
  await queues.wakeUp(DELIVERIES, wakeUpOf(record), 0);
  return true;
}
