// What becomes of a mail whose worker dies or throws, once or again and again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { settlePoison } from '../../delivery/settlePoison.ts';
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
