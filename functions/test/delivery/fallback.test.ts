// The mailbox that sends instead, where the chosen one does not exist or may not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import type { FakeAnswer } from './fakeGraph.ts';
import { newRelay } from './testRelay.ts';

test('a mailbox that may not send, or does not exist, is replaced by the fallback mailbox, once', async (t) => {
  const denied: FakeAnswer = { status: 403, code: 'ErrorSendAsDenied' };
  const relay = await newRelay([denied, { status: 202 }, denied, denied], { FALLBACK_MAILBOX: 'relay@contoso.com' });
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
  await deliverMessage(relay.options, wakeUpOf(await relay.state(mail)));
  assert.equal((await relay.state(mail)).state, 'sent');
  const second = relay.graphServer.calls[1]!;
  assert.equal(second.path, '/v1.0/users/relay%40contoso.com/sendMail');
  const mime = Buffer.from(second.body, 'base64').toString();
  assert.match(mime, /^From: <relay@contoso\.com>\r\nReply-To: <scan@contoso\.com>\r\n/m);
  const other = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(other));
  await deliverMessage(relay.options, wakeUpOf(await relay.state(other)));
  assert.match((await relay.state(other)).reason!, /^ErrorSendAsDenied: /);
  assert.equal((await relay.state(other)).state, 'failed');
});

test('a rule that sends through the fallback mailbox and keeps From keeps it', async (t) => {
  const rules = [{ from: 'scan@contoso.com', mailbox: 'relay@contoso.com', keepFrom: true }];
  const env = { FALLBACK_MAILBOX: 'relay@contoso.com', SENDER_RULES: JSON.stringify(rules) };
  const relay = await newRelay([{ status: 202 }], env);
  t.after(relay.graphServer.close);
  await deliverMessage(relay.options, wakeUpOf(await relay.accept({ mailbox: 'Relay@contoso.com' })));
  const mime = Buffer.from(relay.graphServer.calls[0]!.body, 'base64').toString();
  assert.match(mime, /^From: scan@contoso\.com\r\n/m);
  assert.doesNotMatch(mime, /^Reply-To/m);
});

test('a wake-up that names the mailbox before becomes one that names the mailbox of now', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept({ mailbox: 'relay@contoso.com' });
  await deliverMessage(relay.options, { ...wakeUpOf(mail), mailbox: 'scan@contoso.com' });
  assert.equal(relay.graphServer.calls.length, 0);
  assert.deepEqual(
    relay.queues.sent.map(({ wakeUp, delayMs }) => [wakeUp.mailbox, delayMs]),
    [['relay@contoso.com', 0]],
  );
});
