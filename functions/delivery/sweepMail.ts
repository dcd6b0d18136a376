/**
 * The guarantee by timer: whatever should have moved and did not gets one more wake-up, whatever is finished is cleared
 * away. `mail/` holds only unfinished mail, so that is what is listed. Safe to run any number of times, at once too.
 */
import { DELIVERIES, DELIVERY_QUEUES, type DeliveryQueues } from '../storage/deliveryQueue.ts';
import type { StoredBody, StoredState } from '../storage/messageStore.ts';
import { readStates } from '../storage/readStates.ts';
import { wakeUpOf } from '../storage/wakeUp.ts';
import { type ReportOptions, reportDigest, reportFailure } from './report/reportFailure.ts';

const MINUTE = 60_000;
/** How late a mail must be before its wake-up counts as lost. */
const LATE_MS = 15 * MINUTE;
/** A body without a state is an upload that broke off, or is still on its way. */
const ORPHAN_MS = 24 * 60 * MINUTE;

export type SweepOptions = ReportOptions;

export interface SweepReport {
  readonly waiting: number;
  readonly oldestSeconds: number;
  readonly woken: number;
  readonly cleared: number;
}

export async function sweepMail(options: SweepOptions, now = Date.now()): Promise<SweepReport> {
  const { store, queues, events, settings } = options;
  let waiting = 0;
  let cleared = 0;
  let oldest = now;
  const digest: StoredState[] = [];
  const late: StoredState[] = [];
  for await (const { key: body, current, unreadable } of readStates(store, store.listBodies())) {
    if (unreadable !== undefined) {
      events.trouble('A state record cannot be read; the mail stays where it is.', {
        id: body.id,
        caller: body.caller,
        error: String(unreadable),
      });
      continue;
    }
    if (!current) {
      if (now - body.createdAt.getTime() > ORPHAN_MS) cleared += await clear(options, body);
      continue;
    }
    const { record } = current;
    if (record.state === 'sent') cleared += await clear(options, body);
    else if (record.state === 'failed' && !record.reported) await tried(options, () => reportFailure(options, current));
    else if (record.state === 'failed' && record.digestDue) digest.push(current);
    if (record.state !== 'accepted' && record.state !== 'sending') continue;
    waiting++;
    oldest = Math.min(oldest, Date.parse(record.acceptedAt));
    if (now - movesAt(current) > LATE_MS) late.push(current);
  }
  await tried(options, () => reportDigest(options, digest));
  const length = await queueLength(queues);
  const paused = settings.DELIVERY === 'paused' || (await store.renewPause());
  let woken = 0;
  if (!paused) for (const each of late) woken += await wake(options, each, now);
  const oldestSeconds = Math.round((now - oldest) / 1000);
  events.queueMeasured(length, oldestSeconds);
  return { waiting, oldestSeconds, woken, cleared };
}

/**
 * One more wake-up, and due from now on: so a mail that only waits in a long queue gets one every quarter of an hour, not
 * one every sweep.
 */
async function wake({ store, queues }: SweepOptions, { record, etag }: StoredState, now: number): Promise<number> {
  const due = new Date(now).toISOString();
  if (record.state === 'accepted' && !(await store.replaceState({ ...record, due }, etag))) return 0;
  await queues.wakeUp(DELIVERIES, wakeUpOf(record), 0);
  return 1;
}

/** What fails for one mail keeps nothing from the others; the next sweep tries it again. */
async function tried({ events }: SweepOptions, report: () => Promise<void>): Promise<void> {
  try {
    await report();
  } catch (error) {
    events.trouble('A failure could not be reported. The next sweep tries again.', { error: String(error) });
  }
}

async function queueLength(queues: DeliveryQueues): Promise<number> {
  const lengths = await Promise.all(DELIVERY_QUEUES.map((queue) => queues.length(queue)));
  return lengths.reduce((sum, length) => sum + length, 0);
}

async function clear({ store }: SweepOptions, body: StoredBody): Promise<1> {
  await store.deleteBody(body);
  return 1;
}

/** When the mail should move next, by its own record. */
function movesAt({ record }: StoredState): number {
  return Date.parse((record.state === 'sending' ? record.claim?.until : record.due) ?? record.acceptedAt);
}
