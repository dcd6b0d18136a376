// What becomes of a mail whose worker dies or throws, once or again and again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { settlePoison } from '../../delivery/settlePoison.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { future, newRelay, past } from './testRelay.ts';

test('a poisoned wake-up wakes the mail again twice and fails it at the third crash; finished mail is left alone', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const [mail, done] = [await relay.accept(), await relay.accept({ state: 'sent' })];
  await settlePoison(relay, wakeUpOf(done));
  assert.deepEqual(await relay.state(done), done);
  for (const crash of [1, 2]) {
    await settlePoison(relay, wakeUpOf(mail));
    assert.equal((await relay.state(mail)).state, 'accepted');
    assert.equal((await relay.state(mail)).crashes, crash);
    assert.equal(relay.queues.sent.length, crash);
    assert.equal(relay.queues.sent.at(-1)!.delayMs, 600_000);
  }
  await settlePoison(relay, wakeUpOf(mail));
  assert.match((await relay.state(mail)).reason!, /^DeliveryCrashed: /);
});

test('a poisoned wake-up changes nothing while somebody is sending the mail', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const claim = { owner: 'x', since: past(1000), until: future(60_000), attempt: 1 };
  const mail = await relay.accept({ state: 'sending', attempts: 1, crashes: 2, claim });
  await settlePoison(relay, wakeUpOf(mail));
  assert.deepEqual(await relay.state(mail), mail);
  assert.ok(relay.queues.sent[0]!.delayMs > 58_000);
});

test('an expired claim is resent with a warning, or held, as the policy says', async (t) => {
  const claim = { owner: 'dead', since: past(9000), until: past(1000), attempt: 1 };
  const resend = await newRelay([{ status: 202 }]);
  t.after(resend.graphServer.close);
  const first = await resend.accept({ state: 'sending', attempts: 1, claim });
  await deliverMessage(resend.options, wakeUpOf(first));
  assert.equal((await resend.state(first)).state, 'sent');
  assert.deepEqual(resend.names(), ['mail.duplicateRisk', 'mail.sent']);

  const hold = await newRelay([], { AMBIGUOUS_SEND: 'hold' });
  t.after(hold.graphServer.close);
  const second = await hold.accept({ state: 'sending', attempts: 1, claim });
  await deliverMessage(hold.options, wakeUpOf(second));
  const record = await hold.state(second);
  assert.equal(record.state, 'held');
  assert.match(record.reason!, /^ClaimExpired: /);
  assert.equal(hold.graphServer.calls.length, 0);
  assert.equal(hold.store.bodies.size, 1);
});

for (const [policy, end] of [
  ['resend', 'failed'],
  ['hold', 'held'],
  ['check', 'held'],
] as const)
  test(`${policy}: a mail whose worker dies after every claim is ${end} in the end, and sent no more`, async (t) => {
    const relay = await newRelay(Array(10).fill({ status: 202 }), { AMBIGUOUS_SEND: policy });
    t.after(relay.graphServer.close);
    const mail = await relay.accept();
    const dying = { ...relay.options, graph: { call: () => Promise.reject(new Error('unused')) } };
    const store = {
      ...relay.store,
      // The process dies where it would write down what came of the call.
      replaceState: async (record: MessageStateRecord, etag: string) => {
        if (record.claim === null && record.reason?.startsWith('No answer')) throw new Error('died');
        return relay.store.replaceState(record, etag);
      },
    };
    for (let i = 0; i < 12; i++) {
      const { record, etag } = (await relay.store.readState(mail))!;
      const claim = record.claim && { ...record.claim, until: past(1000) };
      await relay.store.replaceState({ ...record, claim, doubt: null, due: past(1) }, etag);
      await deliverMessage({ ...dying, store }, wakeUpOf(mail)).catch((error: Error) =>
        assert.match(error.message, /^died$/),
      );
    }
    const record = await relay.state(mail);
    assert.equal(record.state, end);
    if (policy !== 'hold') assert.match(record.reason!, /^DeliveryCrashed: .* 5 times over/);
    assert.ok(record.attempts <= 5, `${record.attempts} attempts`);
  });

test('an answer of Graph ends a row of crashes', async (t) => {
  const relay = await newRelay([{ status: 503 }]);
  t.after(relay.graphServer.close);
  const claim = { owner: 'dead', since: past(9000), until: past(1000), attempt: 1 };
  const mail = await relay.accept({ state: 'sending', attempts: 1, crashes: 3, claim });
  await deliverMessage(relay.options, wakeUpOf(mail));
  const { state, crashes } = await relay.state(mail);
  assert.deepEqual([state, crashes], ['accepted', 0]);
});

test('the risk of a second copy is told once, however often the mail has to come back before it is sent', async (t) => {
  const relay = await newRelay([{ status: 202 }]);
  t.after(relay.graphServer.close);
  const claim = { owner: 'dead', since: past(9000), until: past(1000), attempt: 1 };
  const mail = await relay.accept({ state: 'sending', attempts: 1, claim });
  const busy = relay.options.windows.take(mail.mailbox);
  for (let i = 0; i < 3; i++) await deliverMessage(relay.options, wakeUpOf(mail));
  assert.deepEqual(relay.names(), []);
  assert.ok('release' in busy);
  busy.release('unknown');
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.deepEqual(relay.names(), ['mail.duplicateRisk', 'mail.sent']);
});
