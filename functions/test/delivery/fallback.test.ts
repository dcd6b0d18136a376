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
