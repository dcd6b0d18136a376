// Graph has no idempotency key: what happens when nobody knows whether it sent a mail, policy by policy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { resolveDoubt } from '../../delivery/resolveDoubt.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import type { FakeAnswer } from './fakeGraph.ts';
import { future, newRelay, past } from './testRelay.ts';

const UNKNOWN: Record<string, FakeAnswer> = {
  'a 504': { status: 504 },
  'a reset after the body': { reset: true },
  'a hang': { hang: true },
  'a 500': { status: 500, code: 'ErrorInternalServerError' },
};

const inSentItems = (changes: object = {}): FakeAnswer => ({
  status: 200,
  json: { value: [{ subject: 'Größe', createdDateTime: new Date().toISOString(), isDraft: false, ...changes }] },
});
const nothing: FakeAnswer = { status: 200, json: { value: [] } };
const MESSAGE =
  'From: scan@contoso.com\r\nTo: bob@contoso.com\r\nMessage-ID: <1@contoso.com>\r\nSubject: =?utf-8?Q?Gr=C3=B6=C3=9Fe?=\r\n\r\nx';

async function wake(relay: Awaited<ReturnType<typeof newRelay>>, mail: Parameters<typeof wakeUpOf>[0], times: number) {
  for (let i = 0; i < times; i++) {
    const current = (await relay.store.readState(mail))!;
    if (current.record.state === 'accepted')
      await relay.store.replaceState({ ...current.record, due: past(1) }, current.etag);
    await deliverMessage(relay.options, wakeUpOf(current.record));
  }
}
const sends = (relay: Awaited<ReturnType<typeof newRelay>>) =>
  relay.graphServer.calls.filter(({ path }) => path.endsWith('/sendMail')).length;

for (const [what, answer] of Object.entries(UNKNOWN)) {
  test(`resend: after ${what} the mail is sent again, and the risk is told`, async (t) => {
    const relay = await newRelay([answer, { status: 202 }], {}, MESSAGE);
    t.after(relay.graphServer.close);
    const mail = await relay.accept();
    await wake(relay, mail, 2);
    assert.equal((await relay.state(mail)).state, 'sent');
    assert.equal(sends(relay), 2);
    assert.deepEqual(relay.names(), ['mail.duplicateRisk', 'mail.retried', 'mail.sent']);
  });

  test(`hold: after ${what} the mail is not sent again`, async (t) => {
    const relay = await newRelay([answer], { AMBIGUOUS_SEND: 'hold' }, MESSAGE);
    t.after(relay.graphServer.close);
    const mail = await relay.accept();
    await wake(relay, mail, 3);
    assert.equal((await relay.state(mail)).state, 'held');
    assert.equal(sends(relay), 1);
    assert.deepEqual(relay.names(), ['mail.held']);
  });

  test(`check: after ${what} a mail that is in the mailbox is not sent again`, async (t) => {
    const relay = await newRelay([answer, inSentItems()], { AMBIGUOUS_SEND: 'check' }, MESSAGE);
    t.after(relay.graphServer.close);
    const mail = await relay.accept();
    await wake(relay, mail, 2);
    assert.equal((await relay.state(mail)).state, 'sent');
    assert.equal(sends(relay), 1);
    const filter = new URL(`http://graph${relay.graphServer.calls[1]!.path}`).searchParams.get('$filter');
    assert.match(
      filter!,
      /^internetMessageId eq '<1@contoso\.com>' and createdDateTime ge \S+Z and createdDateTime le \S+Z$/,
    );
  });

  test(`check: after ${what} a mail that is not in the mailbox is looked for twice, then sent again`, async (t) => {
    const relay = await newRelay([answer, nothing, nothing, { status: 202 }], { AMBIGUOUS_SEND: 'check' }, MESSAGE);
    t.after(relay.graphServer.close);
    const mail = await relay.accept();
    await deliverMessage(relay.options, wakeUpOf(mail));
    const minutes = async () => Math.round((Date.parse((await relay.state(mail)).due!) - Date.now()) / 60_000);
    assert.equal(await minutes(), 2);
    await wake(relay, mail, 1);
    assert.equal(await minutes(), 10);
    assert.equal(sends(relay), 1);
    await wake(relay, mail, 1);
    assert.equal((await relay.state(mail)).state, 'sent');
    assert.equal(sends(relay), 2);
    assert.ok(relay.names().includes('mail.duplicateRisk'));
  });
}

for (const [what, changes] of [
  ['another subject', { subject: 'Size' }],
  ['an earlier time', { createdDateTime: past(3600_000) }],
  ['a later time', { createdDateTime: future(3600_000) }],
  ['the state of a draft', { isDraft: true }],
] as const)
  test(`check: a message with the same Message-ID but ${what} is not ours`, async (t) => {
    const relay = await newRelay([{ status: 504 }, inSentItems(changes)], { AMBIGUOUS_SEND: 'check' }, MESSAGE);
    t.after(relay.graphServer.close);
    const mail = await relay.accept();
    await wake(relay, mail, 2);
    const record = await relay.state(mail);
    assert.equal(record.state, 'accepted');
    assert.equal(record.doubt?.looks, 1);
  });

test('check: a look that fails counts for nothing; the mail waits and is not sent', async (t) => {
  const relay = await newRelay([{ status: 504 }, { status: 503 }, inSentItems()], { AMBIGUOUS_SEND: 'check' }, MESSAGE);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await wake(relay, mail, 1);
  const { doubt } = await relay.state(mail);
  await wake(relay, mail, 1);
  assert.deepEqual((await relay.state(mail)).doubt, { ...doubt, failedLooks: 1 });
  await wake(relay, mail, 1);
  assert.equal((await relay.state(mail)).state, 'sent');
  assert.equal(sends(relay), 1);
});

test('check: a Message-ID that another live mail of the mailbox carries proves nothing: it is sent again', async (t) => {
  const relay = await newRelay([{ status: 504 }, { status: 202 }], { AMBIGUOUS_SEND: 'check' }, MESSAGE);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await relay.accept({ due: future(60_000) });
  await wake(relay, mail, 2);
  assert.equal((await relay.state(mail)).state, 'sent');
  assert.equal(sends(relay), 2);
});

test('check: one that was sent while the outcome was open proves nothing either, however its mailbox is spelt', async (t) => {
  const answers = [{ status: 504 }, { status: 202 }, { status: 202 }];
  const relay = await newRelay(answers, { AMBIGUOUS_SEND: 'check' }, MESSAGE);
  t.after(relay.graphServer.close);
  const [mail, twin] = [await relay.accept(), await relay.accept({ mailbox: 'Scan@CONTOSO.com' })];
  await wake(relay, mail, 1);
  await wake(relay, twin, 1);
  assert.equal((await relay.state(twin)).state, 'sent');
  await wake(relay, mail, 1);
  assert.equal((await relay.state(mail)).state, 'sent');
  assert.equal(sends(relay), 3);
});

test('check: mails in doubt that come together read what storage knows once', async (t) => {
  const relay = await newRelay(Array(8).fill(nothing), { AMBIGUOUS_SEND: 'check', MAX_INSTANCES: '1' }, MESSAGE);
  t.after(relay.graphServer.close);
  let listed = 0;
  const listStates = () => {
    listed++;
    return relay.store.listStates();
  };
  const options = { ...relay.options, store: { ...relay.store, listStates } };
  const doubt = { since: past(300_000), until: past(200_000), looks: 0, failedLooks: 0 };
  const mails = [];
  for (let i = 0; i < 4; i++) mails.push(await relay.accept({ messageId: `<${i}@contoso.com>`, attempts: 1, doubt }));
  await Promise.all(mails.map((mail) => deliverMessage(options, wakeUpOf(mail))));
  assert.equal(listed, 1);
  assert.equal((await relay.state(mails[0]!)).doubt?.looks, 1);
});

test('check: every page of the mailbox is looked at, on the host that has the token and no other', async (t) => {
  const next = 'https://elsewhere.example/v1.0/users/x/messages?$filter=a%20b&$skiptoken=p%2B2';
  const first: FakeAnswer = { status: 200, json: { value: [], '@odata.nextLink': next } };
  const relay = await newRelay([{ status: 504 }, first, inSentItems()], { AMBIGUOUS_SEND: 'check' }, MESSAGE);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await wake(relay, mail, 2);
  assert.equal((await relay.state(mail)).state, 'sent');
  assert.equal(sends(relay), 1);
  const { pathname, searchParams } = new URL(`http://graph${relay.graphServer.calls[2]!.path}`);
  assert.equal(pathname, '/v1.0/users/scan%40contoso.com/messages');
  assert.deepEqual([searchParams.get('$filter'), searchParams.get('$skiptoken')], ['a b', 'p+2']);
});

test('check: a subject in a charset that nobody knows is looked for as it stands', async (t) => {
  const message = MESSAGE.replace('=?utf-8?Q?Gr=C3=B6=C3=9Fe?=', '=?x-unknown-9?B?R3L232U=?=');
  const relay = await newRelay([{ status: 504 }, nothing], { AMBIGUOUS_SEND: 'check' }, message);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await wake(relay, mail, 2);
  assert.equal((await relay.state(mail)).doubt?.looks, 1);
});

test('check: a draft is looked for under the Message-ID that it was given', async (t) => {
  const relay = await newRelay([inSentItems()], { AMBIGUOUS_SEND: 'check' }, MESSAGE);
  t.after(relay.graphServer.close);
  const doubt = { since: past(60_000), until: future(1000), looks: 0, failedLooks: 0 };
  const mail = await relay.accept({ messageId: 'not <usable', attempts: 1, doubt });
  const current = (await relay.store.readState(mail))!;
  const carried = { messageId: '<1@relay.invalid>' };
  assert.equal(await resolveDoubt(relay.options, current, Buffer.from(MESSAGE), carried), 'settled');
  assert.equal((await relay.state(mail)).state, 'sent');
  const { searchParams } = new URL(`http://graph${relay.graphServer.calls[0]!.path}`);
  assert.match(searchParams.get('$filter')!, /^internetMessageId eq '<1@relay\.invalid>'/);
});

test('check: an expired claim is looked for between its start and its end', async (t) => {
  const relay = await newRelay([nothing], { AMBIGUOUS_SEND: 'check' }, MESSAGE);
  t.after(relay.graphServer.close);
  const claim = { owner: 'dead', since: past(90_000), until: past(60_000), attempt: 1 };
  const mail = await relay.accept({ state: 'sending', attempts: 1, claim });
  await wake(relay, mail, 1);
  const { doubt } = await relay.state(mail);
  assert.deepEqual(doubt, { since: claim.since, until: claim.until, looks: 0, failedLooks: 0 });
});

test('check: without the permission to look, the mailbox goes on sending, and the mail is held for a person in the end', async (t) => {
  const denied: FakeAnswer = { status: 403, code: 'ErrorAccessDenied' };
  const relay = await newRelay(
    [{ status: 504 }, denied, { status: 202 }, ...Array(19).fill(denied)],
    { AMBIGUOUS_SEND: 'check' },
    MESSAGE,
  );
  t.after(relay.graphServer.close);
  const mail = await relay.accept({ messageId: '<2@contoso.com>' });
  await wake(relay, mail, 2);
  const neighbour = await relay.accept();
  await wake(relay, neighbour, 1);
  assert.equal((await relay.state(neighbour)).state, 'sent');
  await wake(relay, mail, 19);
  const record = await relay.state(mail);
  assert.equal(record.state, 'held');
  assert.match(record.reason!, /^CheckFailed: ErrorAccessDenied.*permission to read mail/);
});
