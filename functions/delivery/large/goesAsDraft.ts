/** Which mail goes as a draft, and how it gets from the small way to the large one. */
import { DELIVERIES_LARGE, type DeliveryQueues } from '../../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { MessageStore, StoredState } from '../../storage/messageStore.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import type { Settings } from '../../wiring/settings.ts';
import { MAX_SENDMAIL_BYTES } from '../sendMail.ts';

/** Whether a mail is to go as a draft: it is large, or Graph has said that it is. */
export function goesAsDraft(record: MessageStateRecord, settings: Pick<Settings, 'LARGE_MAIL'>): boolean {
  const large = record.size > MAX_SENDMAIL_BYTES || record.asDraft === true || record.draftId !== null;
  return large && settings.LARGE_MAIL === 'on';
}

/**
 * Hands a mail over that turned out too large for one request. Returns false where the state changed meanwhile.
 *
 * @param current the state it is handed over from: the claim, or what was read when no claim was needed
 */
export async function handOverAsDraft(
  { store, queues }: { readonly store: MessageStore; readonly queues: DeliveryQueues },
  { record, etag }: StoredState,
): Promise<boolean> {
  const due = new Date().toISOString();
  const next: MessageStateRecord = { ...record, state: 'accepted', asDraft: true, due, claim: null };
  if (!(await store.replaceState(next, etag))) return false;
  await queues.wakeUp(DELIVERIES_LARGE, wakeUpOf(next), 0);
  return true;
}
