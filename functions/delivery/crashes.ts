/**
 * A process that dies over a mail, or a bug that throws, leaves a claim that runs out. Whoever takes it over counts, so
 * that a mail that ends every process ends itself.
 */
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { StoredState } from '../storage/messageStore.ts';
import { type ReportOptions, reportFailure } from './report/reportFailure.ts';

/** Expired claims, one after the other, after which a mail is not tried again. */
const MAX_EXPIRED = 5;

/**
 * Counts an expired claim. The state to go on from, whose record is yet to be written (the next claim does); undefined
 * when this was one too many: the mail is over, `failed` where it may be sent twice, else `held`.
 */
export async function countCrash(options: ReportOptions, expired: StoredState): Promise<StoredState | undefined> {
  const { store, events, settings } = options;
  const crashes = expired.record.crashes + 1;
  if (crashes < MAX_EXPIRED) return { ...expired, record: { ...expired.record, crashes } };
  events.trouble('A mail ended one process after the other.', { id: expired.record.id, crashes });
  if (settings.AMBIGUOUS_SEND === 'resend') {
    await failCrashed(options, expired, crashes);
    return undefined;
  }
  const held: MessageStateRecord = {
    ...expired.record,
    state: 'held',
    due: null,
    claim: null,
    crashes,
    reason: crashReason(crashes),
  };
  if (await store.replaceState(held, expired.etag)) events.held(held);
  return undefined;
}

/** Ends a mail that crashed so many times. */
export async function failCrashed(options: ReportOptions, { record, etag }: StoredState, crashes: number) {
  const ended: MessageStateRecord = {
    ...record,
    state: 'failed',
    crashes,
    due: null,
    claim: null,
    reason: crashReason(crashes),
    reasonClass: record.state === 'sending' ? 'ambiguous' : undefined,
    reported: false,
  };
  const failed = await options.store.replaceState(ended, etag);
  if (failed) await reportFailure(options, failed);
}

/** The reason of a mail that crashed so many times. */
export function crashReason(crashes: number): string {
  return `DeliveryCrashed: delivering the mail ended the process or threw, ${crashes} times over. Look for relay.trouble events of this id.`;
}
