import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wakeAgain } from '../../intake/wakeAgain.ts';
import { createMemoryQueues } from '../storage/memoryStore.ts';
import { aRecord } from '../storage/messageStoreContract.ts';

const later = (ms: number) => Date.now() + ms;

test('who asks for a mail that nothing has tried yet wakes it, once a minute', async () => {
  const queues = createMemoryQueues();
  const mail = aRecord();
  assert.equal(await wakeAgain(queues, mail, later(0)), false, 'its wake-up is on the way');
  assert.equal(await wakeAgain(queues, mail, later(2000)), true);
  assert.equal(await wakeAgain(queues, mail, later(30_000)), false);
  assert.equal(await wakeAgain(queues, mail, later(63_000)), true);
  assert.deepEqual(
    queues.sent.map(({ wakeUp }) => wakeUp.id),
    [mail.id, mail.id],
  );
});

test('mail that is being sent, waits to be retried, or is finished is not woken', async () => {
  const queues = createMemoryQueues();
  for (const changes of [
    { state: 'sending' },
    { attempts: 1 },
    { state: 'sent' },
    { state: 'failed' },
    { state: 'held' },
  ] as const)
    assert.equal(await wakeAgain(queues, aRecord(changes), later(60_000)), false);
});
