// Failed mail waits for a person, but not for ever.
import type { Report } from '../events.ts';
import type { Spool } from './spool.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Failed mail is kept for so many days, as the cloud keeps its own. */
const KEEP_DAYS = 30;

export interface FailedRetentionOptions {
  readonly spool: Spool;
  readonly report: Report;
  /** What people call the time. */
  readonly wall: () => number;
}

/** Deletes, now and every day, what failed more than 30 days ago. Returns what stops it. */
export function keepFailedForDays({ spool, report, wall }: FailedRetentionOptions): () => void {
  async function sweep(): Promise<void> {
    try {
      for (const id of await spool.sweepFailed(wall() - KEEP_DAYS * DAY_MS))
        report('edge.discarded', { id, reason: `It was kept as failed for ${KEEP_DAYS} days.` });
    } catch (error) {
      report('edge.spoolError', { reason: `Old failed mail could not be deleted: ${String(error)}` });
    }
  }
  void sweep();
  const timer = setInterval(() => void sweep(), DAY_MS).unref();
  return () => clearInterval(timer);
}
