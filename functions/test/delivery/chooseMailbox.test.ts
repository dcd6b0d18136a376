// A mail that a person retries goes by the sender rules of now; one that only waits, by those it was accepted under.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { retryMessage } from '../../intake/retryMessage.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { newRelay } from './testRelay.ts';

const rules = (mailbox: string, more: object = {}) => JSON.stringify([{ from: 'scan@contoso.com', mailbox, ...more }]);
const callers = (...senders: string[]) => JSON.stringify({ local: { senders, recipients: ['*'] } });

async function retried(env: Record<string, string>, changes: Partial<MessageStateRecord> = {}) {
  const relay = await newRelay([{ status: 202 }], env);
  const mail = await relay.accept({ state: 'failed', reason: 'ErrorInvalidUser: there is none.', ...changes });
  await retryMessage(relay, mail, true);
  for (let { wakeUp } = relay.queues.sent.shift()!; ; { wakeUp } = relay.queues.sent.shift()!) {
    await deliverMessage(relay.options, wakeUp);
    if (relay.queues.sent.length === 0) break;
  }
  await relay.graphServer.close();
  const [call] = relay.graphServer.calls;
  return {
    record: await relay.state(mail),
    path: call?.path,
    mime: Buffer.from(call?.body ?? '', 'base64').toString(),
  };
}

test('a rule that a person added before the retry chooses the mailbox', async () => {
  const env = { SENDER_RULES: rules('office@contoso.com'), CALLERS: callers('*@contoso.com') };
  const { record, path, mime } = await retried(env);
  assert.deepEqual([record.state, record.mailbox], ['sent', 'office@contoso.com']);
  assert.equal(path, '/v1.0/users/office%40contoso.com/sendMail');
  assert.match(mime, /^From: <office@contoso\.com>\r\nReply-To: <scan@contoso\.com>\r\n/m);
});

test('a mail that the fallback mailbox could not send either goes back to its own', async () => {
  const { record, mime } = await retried(
    { CALLERS: callers('*@contoso.com'), FALLBACK_MAILBOX: 'relay@contoso.com' },
    { mailbox: 'relay@contoso.com', fallback: true },
  );
  assert.deepEqual([record.state, record.mailbox], ['sent', 'scan@contoso.com']);
  assert.match(mime, /^From: scan@contoso\.com\r\n/m);
});

test('a mailbox that is not the caller’s to use is not used', async () => {
  const env = { SENDER_RULES: rules('ceo@contoso.com'), CALLERS: callers('scan@contoso.com') };
  const { record, path } = await retried(env);
  assert.equal(record.state, 'failed');
  assert.match(record.reason!, /^SenderRefused: Caller local may not send as ceo@contoso\.com/);
  assert.equal(path, undefined);
});

test('a draft that another mailbox holds is not asked of the new one', async () => {
  const env = { SENDER_RULES: rules('office@contoso.com'), CALLERS: callers('*@contoso.com') };
  const { record } = await retried(env, { draftId: 'AAMk', draftSendAt: new Date().toISOString() });
  assert.deepEqual([record.draftId, record.draftSendAt], [null, undefined]);
});

test('a rule that came after the mail was accepted does not put another mailbox’s address into From', async (t) => {
  const relay = await newRelay([{ status: 202 }], { SENDER_RULES: rules('office@contoso.com') });
  t.after(relay.graphServer.close);
  await deliverMessage(relay.options, wakeUpOf(await relay.accept()));
  assert.equal(relay.graphServer.calls[0]!.path, '/v1.0/users/scan%40contoso.com/sendMail');
  assert.match(Buffer.from(relay.graphServer.calls[0]!.body, 'base64').toString(), /^From: scan@contoso\.com\r\n/m);
});
