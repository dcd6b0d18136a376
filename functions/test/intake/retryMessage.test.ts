import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../../intake/problems.ts';
import { retryMessage } from '../../intake/retryMessage.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import { createMemoryQueues, createMemoryStore } from '../storage/memoryStore.ts';
import { aRecord } from '../storage/messageStoreContract.ts';

async function stored(changes: Partial<MessageStateRecord>) {
  const [store, queues, record] = [createMemoryStore(), createMemoryQueues(), aRecord(changes)];
  await store.newBody(record).commit('c'.repeat(64));
  await store.createState(record);
  return { store, queues, record };
}
const conflict = (error: unknown) => error instanceof Refusal && error.problem === 'conflict';

test('a failed mail starts anew', async () => {
  const { store, queues, record } = await stored({ state: 'failed', attempts: 7, reason: 'X: y', reported: true });
  const again = await retryMessage({ store, queues }, record, false);
  assert.deepEqual([again.state, again.attempts, again.reason], ['accepted', 0, null]);
  assert.equal(queues.sent.length, 1);
});

test('a mail that failed this moment, and whose report is being written down, is retried all the same', async () => {
  const { store, queues, record } = await stored({ state: 'failed', reason: 'X: y' });
  let meddled = false;
  const meddling = {
    ...store,
    replaceState: async (next: MessageStateRecord, etag: string) => {
      if (!meddled) {
        meddled = true;
        const current = (await store.readState(record))!;
        await store.replaceState({ ...current.record, reported: true }, current.etag);
      }
      return store.replaceState(next, etag);
    },
  };
  assert.equal((await retryMessage({ store: meddling, queues }, record, false)).state, 'accepted');
});

test('held mail wants to be told that it may arrive twice; other mail cannot be retried', async () => {
  const held = await stored({ state: 'held' });
  await assert.rejects(retryMessage(held, held.record, false), conflict);
  assert.equal((await retryMessage(held, held.record, true)).state, 'accepted');
  for (const state of ['accepted', 'sending', 'sent'] as const) {
    const other = await stored({ state });
    await assert.rejects(retryMessage(other, other.record, true), conflict);
  }
});

test('a mail that was held because nobody could look into the mailbox is sent, not looked for again', async () => {
  const now = new Date().toISOString();
  const doubt = { since: now, until: now, looks: 0, failedLooks: 20 };
  const claim = { owner: 'x', since: now, until: now, attempt: 1 };
  const { store, queues, record } = await stored({ state: 'held', doubt, claim, reason: 'CheckFailed: denied' });
  const again = await retryMessage({ store, queues }, record, true);
  assert.deepEqual([again.doubt, again.claim], [null, null]);
});
