/**
 * A wake-up ended in a poison queue: its function died or threw five times. The queue message is gone in 7 days; the state
 * record decides whether the mail is. Finished mail needs nothing; other mail gets another wake-up in ten minutes, and
 * fails at the third crash.
 */
import { DELIVERIES_WAITING } from '../storage/deliveryQueue.ts';
import { type WakeUp, wakeUpOf } from '../storage/wakeUp.ts';
import { crashReason, failCrashed } from './crashes.ts';
import type { ReportOptions } from './report/reportFailure.ts';

const CRASHES = 3;
const AGAIN_MS = 10 * 60_000;

export async function settlePoison(options: ReportOptions, wakeUp: WakeUp): Promise<void> {
  const { store, queues, events } = options;
  const current = await store.readState(wakeUp);
  if (!current) return;
  const { record } = current;
  if (record.state !== 'accepted' && record.state !== 'sending') return;
  const claimedForMs = Date.parse(record.claim?.until ?? '') - Date.now();
  if (record.state === 'sending' && claimedForMs > 0) {
    // Somebody is sending it at this moment; what came of it is theirs to write.
    await queues.wakeUp(DELIVERIES_WAITING, wakeUpOf(record), claimedForMs);
    return;
  }
  const crashes = record.crashes + 1;
  const reason = crashReason(crashes);
  events.trouble('A wake-up went to the poison queue.', { id: record.id, caller: record.caller, crashes });
  if (crashes < CRASHES) {
    // Counted by the record alone: when somebody changed it meanwhile, the mail is moving and this crash is past.
    if (await store.replaceState({ ...record, crashes, reason }, current.etag))
      await queues.wakeUp(DELIVERIES_WAITING, wakeUpOf(record), AGAIN_MS);
    return;
  }
  await failCrashed(options, current, crashes);
}
