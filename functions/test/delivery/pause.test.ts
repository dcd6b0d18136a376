// Whoever pauses delivery has to be sure that nothing is sent from then on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { sweepMail } from '../../delivery/sweepMail.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { newRelay, past } from './testRelay.ts';

test('paused delivery keeps the mail and sends nothing', async (t) => {
  const relay = await newRelay([], { DELIVERY: 'paused' });
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.equal(relay.graphServer.calls.length, 0);
  assert.equal(relay.queues.sent.length, 1);
  assert.equal((await relay.state(mail)).state, 'accepted');
});

test('a process that has just started sends nothing before it knows whether delivery is paused', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  let asked = 0;
  const slow = async () => {
    asked++;
    await sleep(50);
    return true;
  };
  const options = { ...relay.options, store: { ...relay.store, isPaused: slow } };
  const mails = await Promise.all(Array.from({ length: 20 }, () => relay.accept()));
  await Promise.all(mails.map((mail) => deliverMessage(options, wakeUpOf(mail))));
  assert.equal(relay.graphServer.calls.length, 0);
  assert.equal(relay.queues.sent.length, 20);
  assert.equal(asked, 1);
});

test('where nobody can say whether delivery is paused, the wake-up fails, and the next one asks again', async (t) => {
  const relay = await newRelay([{ status: 202 }]);
  t.after(relay.graphServer.close);
  const failing = { ...relay.store, isPaused: () => Promise.reject(new Error('storage is away')) };
  const mail = await relay.accept();
  await assert.rejects(deliverMessage({ ...relay.options, store: failing }, wakeUpOf(mail)), /storage is away/);
  await relay.store.setPaused(true);
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.equal(relay.graphServer.calls.length, 0);
  assert.equal(relay.queues.sent.length, 1);
});

test('the sweeper wakes nothing while delivery is paused', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  await relay.accept({ due: past(3600_000) });
  await relay.store.setPaused(true);
  await sweepMail(relay.options);
  assert.equal(relay.queues.sent.length, 0);
});
