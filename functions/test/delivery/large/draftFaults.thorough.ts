// Whatever goes wrong on the way of a draft: the mail is sent once, with all it holds, and no half-built draft is left.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMailboxWindows } from '../../../delivery/mailboxWindows.ts';
import { type Fault, type LargeRelay, newLargeRelay } from './largeRelay.ts';
import { scan, sha256, someBytes } from './mailSamples.ts';

const BYTES = 7_000_000;
const CREATE = { method: 'POST', path: '/messages$' };
const ATTACH = { method: 'POST', path: '/attachments$' };
const SESSION = { method: 'POST', path: 'createUploadSession$' };
const RANGE = { method: 'PUT', path: 'attachmentSessions' };
const SEND = { method: 'POST', path: '/send$' };

async function assertSentOnce(relay: LargeRelay, bytes = BYTES): Promise<void> {
  const sent = await relay.messages();
  assert.deepEqual(
    sent.map(({ attachments }) => attachments.map(({ sha256 }) => sha256)),
    [[sha256(someBytes(bytes))]],
  );
  assert.deepEqual(await relay.drafts(), []);
  assert.ok(!relay.names().includes('mail.duplicateRisk'));
}

const WRONG: readonly (readonly [string, Fault])[] = [
  ['429', { status: 429, code: 'ApplicationThrottled', retryAfter: 0 }],
  ['503', { status: 503, code: 'ServiceUnavailable' }],
  ['504 after it took effect', { status: 504, code: 'GatewayTimeout', after: true }],
  ['a reset', { dropConnection: true }],
  ['a reset after it took effect', { dropConnection: true, after: true }],
];

for (const [step, call, bytes] of [
  ['creating the draft', CREATE, BYTES],
  ['a posted attachment', ATTACH, 2_900_000],
  ['opening an upload session', SESSION, BYTES],
  ['a range', RANGE, BYTES],
  ['sending', SEND, BYTES],
] as const)
  for (const [what, fault] of WRONG)
    test(`${what} at ${step}: the mail is sent once, whole`, async (t) => {
      const relay = await newLargeRelay(t);
      await relay.setFaults([{ ...call, ...fault }]);
      const mail = await relay.accept(scan(bytes), { asDraft: true });
      await relay.deliver(mail);
      for (let tries = 0; tries < 3 && (await relay.state(mail)).state === 'accepted'; tries++) {
        await relay.makeDue(mail);
        await relay.deliver(mail);
      }
      assert.equal((await relay.state(mail)).state, 'sent', (await relay.state(mail)).reason ?? '');
      await assertSentOnce(relay, bytes);
    });

test('every range in turn fails once, and the upload goes on where it was', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(BYTES));
  let range = 0;
  for (const fault of WRONG.map(([, fault]) => fault).filter(({ after }) => !after))
    await relay.setFaults([{ ...RANGE, ...fault, times: ++range }]);
  await relay.deliver(mail);
  assert.equal((await relay.state(mail)).attempts, 1);
  assert.equal((await relay.state(mail)).state, 'sent');
  await assertSentOnce(relay);
});

test('a 429 inside a session is waited out where it happened, and rests the mailbox', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(BYTES));
  await relay.setFaults([{ ...RANGE, status: 429, code: 'ApplicationThrottled', retryAfter: 1 }]);
  const began = performance.now();
  await relay.deliver(mail);
  assert.ok(performance.now() - began >= 1000);
  assert.equal((await relay.state(mail)).attempts, 1);
  await assertSentOnce(relay);
  assert.deepEqual(relay.names(), ['mailbox.throttled', 'mail.sent']);
});

test('a 429 that asks for more patience than there is ends the attempt, and the mail waits that long', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(BYTES));
  await relay.setFaults([{ ...RANGE, status: 429, code: 'ApplicationThrottled', retryAfter: 3600 }]);
  await relay.deliver(mail);
  const { state, due, reason } = await relay.state(mail);
  assert.equal(state, 'accepted');
  assert.ok(Date.parse(due!) > Date.now() + 3_500_000);
  assert.match(reason!, /^ApplicationThrottled: /);
  await relay.setFaults([]);
});

test('a draft that may have been sent is looked at after two minutes, and sent again when it is still one', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(BYTES));
  await relay.setFaults([{ ...SEND, status: 504 }]);
  await relay.deliver(mail);
  const waiting = await relay.state(mail);
  assert.ok(waiting.draftId && waiting.draftSendAt);
  assert.ok(Date.parse(waiting.due!) > Date.now() + 115_000);
  // A wake-up that comes too early does nothing, not even a look.
  await relay.deliver(mail);
  assert.equal((await relay.messages()).length, 0);
  await relay.makeDue(mail);
  await relay.deliver(mail);
  assert.equal((await relay.state(mail)).draftId, waiting.draftId);
  await assertSentOnce(relay);
});

test('a worker that dies after the draft was sent leaves a mail that the next one finds sent', async (t) => {
  const relay = await newLargeRelay(t, { AMBIGUOUS_SEND: 'hold' });
  const mail = await relay.accept(scan(BYTES));
  // The state as it was when the process died: everything it wrote after sending is lost.
  const { replaceState } = relay.store;
  let frozen = false;
  relay.store.replaceState = async (record, etag) => {
    if (frozen) throw new Error('The process is dead.');
    if (record.draftSendAt) frozen = true;
    return replaceState(record, etag);
  };
  await assert.rejects(relay.deliver(mail));
  relay.store.replaceState = replaceState;
  assert.equal((await relay.state(mail)).state, 'sending');
  await relay.makeDue(mail);
  await relay.deliver(mail);
  assert.equal((await relay.state(mail)).state, 'sent');
  await assertSentOnce(relay);
});

test('a worker that dies while it uploads leaves a draft that the next one clears away', async (t) => {
  const relay = await newLargeRelay(t, { AMBIGUOUS_SEND: 'hold' });
  const mail = await relay.accept(scan(BYTES));
  // Neither the range nor clearing up after it gets through: as if the process had ended there.
  await relay.setFaults([
    { ...RANGE, status: 400, code: 'BadRequest' },
    { method: 'DELETE', dropConnection: true },
  ]);
  await relay.deliver(mail);
  assert.deepEqual(await relay.drafts(), ['Scan']);
  await relay.makeDue(mail);
  await relay.deliver(mail);
  await assertSentOnce(relay);
});

test("another mail's draft of the same Message-ID is left alone", async (t) => {
  const relay = await newLargeRelay(t);
  const messageId = '<0001.CanonTxNo.0485@contoso.com>';
  const [first, second] = [
    await relay.accept(scan(BYTES), { messageId }),
    await relay.accept(scan(BYTES), { messageId }),
  ];
  await relay.setFaults([{ ...SEND, status: 504 }]);
  await relay.deliver(first);
  await relay.deliver(second);
  assert.equal((await relay.state(second)).state, 'sent');
  await relay.makeDue(first);
  await relay.deliver(first);
  assert.equal((await relay.state(first)).state, 'sent');
  assert.equal((await relay.messages()).length, 2);
  assert.ok(!relay.names().includes('mail.duplicateRisk'));
});

for (const [policy, state, sent, risk] of [
  ['resend', 'sent', 1, true],
  ['hold', 'held', 0, false],
  ['check', 'accepted', 0, false],
] as const)
  test(`a draft that is gone: ${policy} leaves the mail ${state}`, async (t) => {
    const relay = await newLargeRelay(t, { AMBIGUOUS_SEND: policy });
    const mail = await relay.accept(scan(BYTES));
    await relay.setFaults([{ ...SEND, status: 504 }]);
    await relay.deliver(mail);
    await relay.deleteDrafts();
    await relay.makeDue(mail);
    await relay.deliver(mail);
    const record = await relay.state(mail);
    assert.equal(record.state, state, record.reason ?? '');
    assert.equal((await relay.messages()).length, sent);
    assert.equal(relay.names().includes('mail.duplicateRisk'), risk);
    if (policy !== 'check') return;
    // It is looked for twice, and only then sent again.
    assert.ok(record.doubt);
    for (let look = 0; look < 2; look++) {
      await relay.makeDue(mail);
      await relay.deliver(mail);
    }
    assert.equal((await relay.state(mail)).state, 'sent');
    assert.ok(relay.names().includes('mail.duplicateRisk'));
  });

const LOOK = { method: 'GET', path: '/messages/.+' };

for (const code of ['ErrorNonExistentMailBox', 'ErrorInvalidUser', 'MailboxNotEnabledForRESTAPI'])
  test(`a mailbox that cannot be looked into (${code}) says nothing of the draft: the mail waits`, async (t) => {
    const relay = await newLargeRelay(t, { FALLBACK_MAILBOX: 'fallback@contoso.com' });
    const mail = await relay.accept(scan(1000), { asDraft: true });
    await relay.setFaults([
      { ...SEND, status: 504 },
      { ...LOOK, status: 404, code, times: 2 },
    ]);
    await relay.deliver(mail);
    await relay.makeDue(mail);
    await relay.deliver(mail);
    const { state, reason, mailbox } = await relay.state(mail);
    assert.deepEqual([state, mailbox], ['accepted', 'scan@contoso.com']);
    assert.match(reason!, new RegExp(`^${code}: `));
    assert.deepEqual(await relay.drafts(), ['Scan']);
    await relay.makeDue(mail);
    // Another process: this one lets the mailbox rest.
    await relay.deliver(mail, { windows: createMailboxWindows(1) });
    await assertSentOnce(relay, 1000);
  });

test('a draft that was to be sent is not deleted, also when Graph shows it again after it was gone', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(1000), { asDraft: true });
  await relay.setFaults([
    { ...SEND, status: 504 },
    { ...LOOK, status: 404, code: 'ErrorItemNotFound', times: 2 },
  ]);
  await relay.deliver(mail);
  await relay.makeDue(mail);
  await relay.deliver(mail);
  assert.equal((await relay.state(mail)).state, 'sent');
  assert.ok(relay.names().includes('mail.duplicateRisk'));
  assert.equal((await relay.messages()).length, 1);
  assert.deepEqual(await relay.drafts(), ['Scan']);
});

test('a draft that Graph refused to send, and somebody deleted, is made anew without any doubt', async (t) => {
  const relay = await newLargeRelay(t, { AMBIGUOUS_SEND: 'hold' });
  const mail = await relay.accept(scan(1000), { asDraft: true });
  await relay.setFaults([{ ...SEND, status: 409, code: 'Conflict' }]);
  await relay.deliver(mail);
  assert.equal((await relay.state(mail)).state, 'accepted');
  await relay.deleteDrafts();
  await relay.makeDue(mail);
  await relay.deliver(mail);
  assert.equal((await relay.state(mail)).state, 'sent');
  await assertSentOnce(relay, 1000);
});

test('a doubt that was cleared up does not come back with the next failure', async (t) => {
  const relay = await newLargeRelay(t, { AMBIGUOUS_SEND: 'check' });
  const mail = await relay.accept(scan(1000), { asDraft: true });
  await relay.setFaults([{ ...SEND, status: 504 }]);
  await relay.deliver(mail);
  await relay.deleteDrafts();
  await relay.setFaults([{ ...SEND, status: 409, code: 'Conflict' }]);
  for (let more = 0; more < 3; more++) {
    await relay.makeDue(mail);
    await relay.deliver(mail);
  }
  const { state, doubt, reason } = await relay.state(mail);
  assert.deepEqual([state, doubt], ['accepted', null]);
  assert.match(reason!, /^Conflict: /);
});

test('a verdict of Graph counts, also when it comes after the time that an attempt may take', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(1000), { asDraft: true, from: '' });
  await relay.setFaults([
    { ...SEND, status: 504 },
    { ...SEND, status: 413, code: 'ErrorMessageSizeExceeded', hangMs: 3000 },
  ]);
  await relay.deliver(mail);
  await relay.makeDue(mail);
  await relay.deliver(mail, { attemptLimitMs: 2500 });
  const { state, reason } = await relay.state(mail);
  assert.equal(state, 'failed');
  assert.match(reason!, /^ErrorMessageSizeExceeded: /);
});

test('a 429 that asks for no pause gets one', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(1000), { asDraft: true });
  await relay.setFaults([{ ...CREATE, status: 429, code: 'ApplicationThrottled', retryAfter: 0 }]);
  const began = performance.now();
  await relay.deliver(mail);
  assert.ok(performance.now() - began >= 1000);
  assert.equal(relay.seen.find(({ name }) => name === 'mailbox.throttled')?.attributes.pauseMs, 1000);
  await assertSentOnce(relay, 1000);
});

test('what Graph refuses for good fails at once, and says why', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(BYTES), { from: '' });
  await relay.setFaults([{ ...SEND, status: 413, code: 'ErrorMessageSizeExceeded' }]);
  await relay.deliver(mail);
  const { state, reason } = await relay.state(mail);
  assert.equal(state, 'failed');
  assert.match(reason!, /^ErrorMessageSizeExceeded: /);
});

test('a mailbox that may not send hands over to the fallback mailbox, which builds a draft of its own', async (t) => {
  const relay = await newLargeRelay(t, { FALLBACK_MAILBOX: 'fallback@contoso.com' });
  const mail = await relay.accept(scan(BYTES));
  await relay.setFaults([{ ...SEND, status: 403, code: 'ErrorSendAsDenied' }]);
  await relay.deliver(mail);
  await relay.makeDue(mail);
  await relay.deliver(mail);
  assert.equal((await relay.state(mail)).state, 'sent', (await relay.state(mail)).reason ?? '');
  const [sent] = await relay.messages();
  assert.equal(sent?.from, 'fallback@contoso.com');
});

test('an administrator is asked to act, and the mail waits, when drafts are not allowed', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(BYTES));
  await relay.setFaults([{ path: '/messages', status: 403, code: 'ErrorAccessDenied', times: 9 }]);
  await relay.deliver(mail);
  const { state, reason } = await relay.state(mail);
  assert.equal(state, 'accepted');
  assert.match(reason!, /^ErrorAccessDenied: /);
  assert.deepEqual(relay.names(), ['mailbox.throttled', 'mail.retried']);
});

test('two workers that are given the same wake-up send once', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(BYTES));
  const { createLargeMailSeats } = await import('../../../delivery/large/largeMailSeats.ts');
  await Promise.all([relay.deliver(mail), relay.deliver(mail, { owner: 'test/2', seats: createLargeMailSeats() })]);
  await assertSentOnce(relay);
});

test('the claim is renewed while a slow upload runs, and a worker that lost it stops without a word', async (t) => {
  const relay = await newLargeRelay(t, { GRAPH_TIMEOUT_SECONDS: '1' });
  const mail = await relay.accept(scan(BYTES));
  await relay.setFaults([{ ...RANGE, status: 429, retryAfter: 6 }]);
  const slow = relay.deliver(mail);
  const until = async () => (await relay.state(mail)).claim?.until ?? '';
  const deadline = Date.now() + 20_000;
  let first = '';
  while (first === '' && Date.now() < deadline) first = await until();
  while ((await until()) === first && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok((await until()) > first, 'The claim was not renewed.');
  const current = (await relay.store.readState(mail))!;
  await relay.store.replaceState(
    { ...current.record, claim: { ...current.record.claim!, owner: 'other' } },
    current.etag,
  );
  await slow;
  const { state, claim } = await relay.state(mail);
  assert.deepEqual([state, claim?.owner], ['sending', 'other']);
  assert.equal((await relay.messages()).length, 0);
});
