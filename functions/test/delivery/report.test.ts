// Who is told that a mail has finally failed, how often, and in what form.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simpleParser } from 'mailparser';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { reasonInWords } from '../../delivery/report/reasonInWords.ts';
import { sweepMail } from '../../delivery/sweepMail.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import type { FakeAnswer } from './fakeGraph.ts';
import { newRelay } from './testRelay.ts';

const CALLERS = JSON.stringify({ local: { senders: ['*'], recipients: ['*@contoso.com'] } });
const ENV = { CALLERS, POSTMASTER: 'postmaster@contoso.com', DEFAULT_SENDER: 'relay@contoso.com' };
const denied: FakeAnswer = { status: 403, code: 'ErrorSendAsDenied' };

type Relay = Awaited<ReturnType<typeof newRelay>>;
const reports = (relay: Relay): MessageStateRecord[] =>
  [...relay.store.states.values()].map(({ record }) => record).filter(({ caller }) => caller === 'reports');

async function failed(changes: Partial<MessageStateRecord>, message?: string, answer = denied, env = {}) {
  const relay = await newRelay([answer], { ...ENV, ...env }, message);
  const mail = await relay.accept(changes);
  await deliverMessage(relay.options, wakeUpOf(mail));
  await relay.graphServer.close();
  return { relay, mail };
}

test('the envelope sender gets a report in plain words that a program can read too', async () => {
  const { relay, mail } = await failed({ from: 'alice@contoso.com', to: ['bob@x.example', 'eve@x.example'] });
  const [report] = reports(relay);
  assert.deepEqual(report?.to, ['alice@contoso.com']);
  assert.equal(report.from, '');
  assert.equal(report.mailbox, 'relay@contoso.com');
  assert.equal(relay.queues.sent.at(-1)?.wakeUp.id, report.id);
  const { bytes } = relay.store.bodies.get(`reports/${report.id}`)!;
  const parsed = await simpleParser(bytes);
  assert.match(parsed.text!, /not allowed to send as the address in From/);
  assert.match(parsed.text!, /bob@x\.example/);
  assert.match(parsed.text!, new RegExp(mail.id));
  const type = parsed.headers.get('content-type') as { value: string; params: Record<string, string> };
  assert.deepEqual([type.value, type.params['report-type']], ['multipart/report', 'delivery-status']);
  assert.equal(parsed.headers.get('auto-submitted'), 'auto-replied');
  const source = bytes.toString();
  assert.match(
    source,
    /Final-Recipient: rfc822; eve@x\.example\r\nAction: failed\r\nStatus: 5\.7\.1\r\nDiagnostic-Code: x-graph; ErrorSendAsDenied: /,
  );
  assert.doesNotMatch(source + parsed.text, /Subject: x\b/, 'nothing of the mail is quoted');
});

test('a sender that the relay may not mail is not mailed; the postmaster is', async () => {
  const { relay } = await failed({ from: 'alice@elsewhere.example' });
  assert.deepEqual(reports(relay)[0]?.to, ['postmaster@contoso.com']);
});

const MAIL = 'From: scan@contoso.com\r\n';
for (const [what, changes, message, answer] of [
  ['the null sender', { from: '' }, undefined, denied],
  ['a report', { caller: 'reports' }, undefined, denied],
  ['automatic mail', {}, `${MAIL}Auto-Submitted: auto-generated\r\n\r\nx`, denied],
  ['bulk mail', {}, `${MAIL}Precedence: bulk\r\n\r\nx`, denied],
  ['a list', {}, `${MAIL}List-Id: <l.x>\r\n\r\nx`, denied],
] as const)
  test(`nobody is sent a report about ${what}, but the event is told`, async () => {
    const { relay } = await failed(changes, message, answer);
    assert.deepEqual(
      reports(relay).filter(({ mailbox }) => mailbox === 'relay@contoso.com'),
      [],
    );
    assert.ok(relay.names().includes('mail.failed'));
  });

test('nobody is sent a report where an administrator has to act', async () => {
  const acceptedAt = new Date(Date.now() - 4 * 24 * 3600_000).toISOString();
  const { relay, mail } = await failed({ acceptedAt, attempts: 25 }, undefined, {
    status: 403,
    code: 'ErrorAccessDenied',
  });
  assert.match((await relay.state(mail)).reason!, /^GaveUp: .*ErrorAccessDenied/);
  assert.deepEqual(reports(relay), []);
});

test('a sender gets one report an hour; the rest comes to the postmaster in one digest', async (t) => {
  const relay = await newRelay(Array(4).fill(denied), ENV);
  t.after(relay.graphServer.close);
  const mails = [];
  for (let i = 0; i < 4; i++) mails.push(await relay.accept({ from: 'alice@contoso.com' }));
  for (const mail of mails) await deliverMessage(relay.options, wakeUpOf(mail));
  assert.equal(reports(relay).length, 1);
  await sweepMail(relay.options);
  await sweepMail(relay.options);
  const [, digest, ...others] = reports(relay);
  assert.deepEqual(others, []);
  assert.deepEqual(digest?.to, ['postmaster@contoso.com']);
  const parsed = await simpleParser(relay.store.bodies.get(`reports/${digest.id}`)!.bytes);
  for (const mail of mails.slice(1)) assert.match(parsed.text!, new RegExp(mail.id));
  for (const mail of mails) assert.equal((await relay.state(mail)).digestDue, false);
});

test('a report that broke off is finished by the sweeper, and is still one', async () => {
  const { relay, mail } = await failed({ from: 'alice@contoso.com' });
  const current = (await relay.store.readState(mail))!;
  await relay.store.replaceState({ ...current.record, reported: false }, current.etag);
  await sweepMail(relay.options);
  assert.equal(reports(relay).length, 1);
  const { reported, digestDue } = await relay.state(mail);
  assert.deepEqual([reported, digestDue], [true, false]);
});

test('where the header cannot be read, nobody knows whether a person sent it: the postmaster is told', async () => {
  const { relay } = await failed({ from: 'alice@contoso.com' }, `X: ${'x'.repeat(300_000)}\r\n\r\nx`);
  assert.deepEqual(
    reports(relay).map(({ to }) => to),
    [['postmaster@contoso.com']],
  );
});

test('a report does not say that nobody has got what may have been delivered', async () => {
  const acceptedAt = new Date(Date.now() - 4 * 24 * 3600_000).toISOString();
  const { relay } = await failed({ from: 'alice@contoso.com', acceptedAt, attempts: 25 }, undefined, { status: 504 });
  const { bytes } = relay.store.bodies.get(`reports/${reports(relay)[0]!.id}`)!;
  const { text } = await simpleParser(bytes);
  assert.match(text!, /It may have been delivered all the same/);
  assert.doesNotMatch(text!, /nobody has got it/);
});

test('what an administrator had to see to is known by what was written down, not by the words of a reason', async () => {
  const acceptedAt = new Date(Date.now() - 4 * 24 * 3600_000).toISOString();
  const { relay } = await failed({ from: 'alice@contoso.com', acceptedAt, attempts: 25 }, undefined, {
    status: 401,
    code: 'CodeOfTomorrow',
  });
  assert.deepEqual(reports(relay), []);
});

test('a failure that cannot be reported keeps the sweeper from nothing else', async (t) => {
  const relay = await newRelay([], ENV);
  t.after(relay.graphServer.close);
  const one = await relay.accept({ state: 'failed', reason: 'X: y', from: 'alice@contoso.com' });
  const other = await relay.accept({ state: 'failed', reason: 'X: y', from: 'bob@contoso.com' });
  const store = {
    ...relay.store,
    markOnce: (mark: string, value: string) =>
      value === one.id ? Promise.reject(new Error('storage is away')) : relay.store.markOnce(mark, value),
  };
  await sweepMail({ ...relay.options, store });
  assert.deepEqual([(await relay.state(one)).reported, (await relay.state(other)).reported], [false, true]);
  assert.ok(relay.names().includes('relay.trouble'));
});

for (const code of [
  'ErrorAccessDenied',
  'Authorization_RequestDenied',
  'InvalidAuthenticationToken',
  'NoToken',
  'ErrorQuotaExceeded',
  'HTTP 507',
  'CheckFailed',
  'UploadHostRefused',
  'SenderRefused',
])
  test(`${code} has words of its own`, () => {
    assert.notEqual(reasonInWords(`${code}: why`).meaning, reasonInWords('Unheard: of').meaning);
    assert.equal(
      reasonInWords(`GaveUp: 20 attempts, the last: ${code}: why`).remedy,
      reasonInWords(`${code}: why`).remedy,
    );
  });
