import { DELIVERIES } from '../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { MessageKey } from '../storage/messageStore.ts';
import { wakeUpOf } from '../storage/wakeUp.ts';
import type { IntakeOptions } from './acceptMessage.ts';
import { Refusal } from './problems.ts';

/**
 * A person sends a failed mail again, or a held one, knowing that it may arrive twice. Refuses with 409 in every other
 * state, and with 404 when there is no such mail.
 */
export async function retryMessage(
  { store, queues }: Pick<IntakeOptions, 'store' | 'queues'>,
  key: MessageKey,
  mayDuplicate: boolean,
  tries = 5,
): Promise<MessageStateRecord> {
  const current = await store.readState(key);
  if (!current) throw new Refusal('not-found', `There is no message ${key.id}.`);
  const { record } = current;
  if (record.state === 'held' && !mayDuplicate)
    throw new Refusal(
      'conflict',
      `Message ${key.id} is held because it may have been sent. Add ?mayDuplicate=true to send it again all the same.`,
    );
  if (record.state !== 'failed' && record.state !== 'held')
    throw new Refusal('conflict', `Message ${key.id} is ${record.state}; only failed or held mail can be retried.`);
  if ((await store.bodyDigest(key)) === undefined)
    throw new Refusal('conflict', `The body of message ${key.id} is no longer kept (30 days). It cannot be sent.`);
  const due = new Date().toISOString();
  const again: MessageStateRecord = {
    ...record,
    state: 'accepted',
    attempts: 0,
    crashes: 0,
    due,
    // The person knows what became of the attempts before, and what has changed since: nothing of them counts any more.
    claim: null,
    doubt: null,
    chooseMailbox: true,
    reason: null,
    reasonClass: undefined,
    reported: false,
    digestDue: false,
  };
  if (!(await store.replaceState(again, current.etag))) {
    // Right after a failure its report is still being written down: look again before anything is refused.
    if (tries > 1) return retryMessage({ store, queues }, key, mayDuplicate, tries - 1);
    throw new Refusal('conflict', `Message ${key.id} is being changed by somebody else. Look at its state again.`);
  }
  await queues.wakeUp(DELIVERIES, wakeUpOf(again), 0);
  return again;
}
