// Mail of an application that finally fails: somebody hears of it, although there is no envelope sender.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpRequest } from '@azure/functions';
import { newMessageId } from '../../contract/messageId.ts';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { acceptPost } from '../../intake/acceptRequest.ts';
import { envelopeSha256 } from '../../storage/messageState.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { newRelay } from '../delivery/testRelay.ts';

const CALLERS = JSON.stringify({
  erp: { senders: ['*@contoso.com'], recipients: ['bob@contoso.com', 'alice@contoso.com'] },
});
const ENV = { CALLERS, POSTMASTER: 'postmaster@contoso.com', DEFAULT_SENDER: 'relay@contoso.com' };
const json = (mail: object) => ({ type: 'application/json', body: JSON.stringify(mail) });
const raw = (from: string) => ({ type: 'message/rfc822', body: `${from}To: bob@contoso.com\r\n\r\nx` });

/** Who gets the report, after Graph has refused the mail for good. */
async function reportedTo({ type, body }: { type: string; body: string }) {
  const relay = await newRelay([{ status: 403, code: 'ErrorSendAsDenied' }], ENV);
  const { options, store, graphServer } = relay;
  const caller = options.settings.callers[0]!;
  const id = newMessageId();
  const post = () =>
    acceptPost(
      options,
      caller,
      id,
      new HttpRequest({
        method: 'POST',
        url: 'http://127.0.0.1/api/messages',
        headers: { 'content-type': type },
        body: { string: body },
      }),
    );
  await post();
  const { record } = store.states.get(`erp/${id}`)!;
  assert.equal(record.envelopeSha256, envelopeSha256('', record.to), 'as a release that kept no sender had it');
  await deliverMessage(options, wakeUpOf(record));
  assert.deepEqual(await post(), { id, state: 'failed' });
  await graphServer.close();
  return [...store.states.values()]
    .filter(({ record }) => record.caller === 'reports')
    .flatMap(({ record }) => record.to);
}

test('the sender of a JSON mail gets the report where its caller may mail it, else the postmaster', async () => {
  const mail = { to: 'bob@contoso.com', text: 'x' };
  assert.deepEqual(await reportedTo(json({ ...mail, from: 'alice@contoso.com' })), ['alice@contoso.com']);
  assert.deepEqual(await reportedTo(json({ ...mail, from: 'scan@contoso.com' })), ['postmaster@contoso.com']);
  assert.deepEqual(await reportedTo(json(mail)), ['postmaster@contoso.com']);
});

test('so does the sender of a raw message without an envelope', async () => {
  assert.deepEqual(await reportedTo(raw('From: alice@contoso.com\r\n')), ['alice@contoso.com']);
  assert.deepEqual(await reportedTo(raw('')), ['postmaster@contoso.com']);
});
