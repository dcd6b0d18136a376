// The state machine: whatever the order of wake-ups, answers and deaths, a mail is sent once or as the policy says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { createMailboxWindows } from '../../delivery/mailboxWindows.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { future, newRelay, past } from './testRelay.ts';

test('a mail that Graph takes is sent, its body is deleted and its record stays as the receipt', async (t) => {
  const relay = await newRelay([{ status: 202 }]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
  const record = await relay.state(mail);
  assert.equal(record.state, 'sent');
  assert.equal(record.attempts, 1);
  assert.ok(record.sentAt);
  assert.equal(relay.store.bodies.size, 0);
  assert.deepEqual(relay.names(), ['mail.sent']);
  const [call] = relay.graphServer.calls;
  assert.equal(call?.path, '/v1.0/users/scan%40contoso.com/sendMail');
  assert.match(
    Buffer.from(call.body, 'base64').toString(),
    /^Date: .*\r\nMessage-ID: .*\r\nFrom: scan@contoso\.com\r\nTo: bob@contoso\.com\r\nSubject: x\r\n\r\nbody\r\n$/,
  );
});

test('two workers that are given the same wake-up at once send once', async (t) => {
  const relay = await newRelay([{ status: 202, delayMs: 50 }]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  const another = { ...relay.options, windows: createMailboxWindows(1), owner: 'test/2' };
  await Promise.all([relay.options, another, relay.options].map((options) => deliverMessage(options, wakeUpOf(mail))));
  assert.equal(relay.graphServer.calls.length, 1);
  assert.equal((await relay.state(mail)).state, 'sent');
});

test('a wake-up for finished mail does nothing', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  for (const state of ['sent', 'held', 'failed'] as const) {
    const mail = await relay.accept({ state });
    await deliverMessage(relay.options, wakeUpOf(mail));
  }
  assert.equal(relay.graphServer.calls.length + relay.queues.sent.length, 0);
});

test('a wake-up that comes too early comes back when the mail is due', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept({ due: future(60_000), attempts: 2 });
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.equal(relay.graphServer.calls.length, 0);
  const [again] = relay.queues.sent;
  assert.ok(again && again.delayMs > 58_000 && again.delayMs <= 60_000);
});

test('a wake-up that meets a live claim comes back when the claim ends', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept({
    state: 'sending',
    attempts: 1,
    claim: { owner: 'x', since: past(1000), until: future(5000), attempt: 1 },
  });
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.equal(relay.graphServer.calls.length, 0);
  assert.ok(relay.queues.sent[0]!.delayMs > 4000);
});

test('the 202 of a slow worker is written though its claim was taken over', async (t) => {
  const relay = await newRelay([{ status: 202, delayMs: 100 }]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  const slow = deliverMessage(relay.options, wakeUpOf(mail));
  while ((await relay.state(mail)).state !== 'sending') await new Promise(setImmediate);
  const current = (await relay.store.readState(mail))!;
  await relay.store.replaceState(
    { ...current.record, state: 'accepted', claim: null, due: future(60_000) },
    current.etag,
  );
  await slow;
  assert.equal((await relay.state(mail)).state, 'sent');
});

test('a mail whose body is gone fails and says so; one that a twin has sent meanwhile does not', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await relay.store.deleteBody(mail);
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.match((await relay.state(mail)).reason!, /^BodyMissing: /);
});

test('a message too large for one request fails with a reason that says so', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept({ size: 3_000_001 });
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.match((await relay.state(mail)).reason!, /^MessageTooLarge: .*3000001 bytes/);
});

test('in pilot mode every mail goes to one address, and says whom it was for', async (t) => {
  const relay = await newRelay([{ status: 202 }], { REDIRECT_ALL_TO: 'pilot@contoso.com' });
  t.after(relay.graphServer.close);
  await deliverMessage(relay.options, wakeUpOf(await relay.accept({ to: ['bob@contoso.com', 'eve@fabrikam.com'] })));
  const mime = Buffer.from(relay.graphServer.calls[0]!.body, 'base64').toString();
  assert.match(mime, /^Bcc: pilot@contoso\.com\r\n/);
  assert.match(mime, /X-Relay-Original-Recipients: bob@contoso\.com,\r\n eve@fabrikam\.com\r\n/);
  assert.doesNotMatch(mime, /^(To|Cc):/m);
});

test('a claim that took long to write is written again before Graph is called', async (t) => {
  const relay = await newRelay([{ status: 202 }], { GRAPH_TIMEOUT_SECONDS: '1' });
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  const untils: string[] = [];
  const now = Date.now;
  t.after(() => {
    Date.now = now;
  });
  let skipped = 0;
  const store = {
    ...relay.store,
    replaceState: async (record: MessageStateRecord, etag: string) => {
      if (record.claim) untils.push(record.claim.until);
      if (untils.length === 1) skipped = 60_000;
      Date.now = () => now() + skipped;
      return relay.store.replaceState(record, etag);
    },
  };
  await deliverMessage({ ...relay.options, store }, wakeUpOf(mail));
  assert.equal(untils.length, 2);
  assert.ok(Date.parse(untils[1]!) > Date.now());
  assert.equal((await relay.state(mail)).attempts, 1);
});
