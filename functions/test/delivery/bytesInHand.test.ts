// A process that gets many scans at once takes as many in hand as fit into its memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeInHand } from '../../delivery/bytesInHand.ts';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { newRelay } from './testRelay.ts';

test('of many large mails at once three are sent, the others come back soon and are sent then', async (t) => {
  const relay = await newRelay(Array(10).fill({ status: 202, delayMs: 100 }));
  t.after(relay.graphServer.close);
  const mails = [];
  for (let i = 0; i < 10; i++) mails.push(await relay.accept({ size: 3_000_000, mailbox: `m${i}@contoso.com` }));
  await Promise.all(mails.map((mail) => deliverMessage(relay.options, wakeUpOf(mail))));
  assert.equal(relay.graphServer.calls.length, 3);
  assert.equal(relay.queues.sent.length, 7);
  assert.ok(relay.queues.sent.every(({ delayMs }) => delayMs >= 1000 && delayMs <= 3000));
  for (const { wakeUp } of relay.queues.sent.splice(0)) await deliverMessage(relay.options, wakeUp);
  for (const mail of mails) assert.equal((await relay.state(mail)).state, 'sent');
});

test('small mail hardly counts, and one mail is always taken', () => {
  const huge = takeInHand(500_000_000);
  assert.ok('putDown' in huge);
  assert.ok('comeBackInMs' in takeInHand(1));
  huge.putDown();
  const hands = Array.from({ length: 48 }, () => takeInHand(100_000));
  for (const hand of hands) {
    assert.ok('putDown' in hand);
    hand.putDown();
  }
});
