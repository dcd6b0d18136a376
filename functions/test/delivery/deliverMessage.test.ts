// The state machine: whatever the order of wake-ups, answers and deaths, a mail is sent once or as the policy says.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { createMailboxWindows } from '../../delivery/mailboxWindows.ts';
import { settlePoison } from '../../delivery/settlePoison.ts';
import { sweepMail } from '../../delivery/sweepMail.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import type { FakeAnswer } from './fakeGraph.ts';
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

for (const [what, answer, code] of [
  ['429', { status: 429, code: 'ApplicationThrottled', retryAfter: '3' }, 'ApplicationThrottled'],
  ['401', { status: 401, code: 'InvalidAuthenticationToken' }, 'InvalidAuthenticationToken'],
  ['403 ErrorAccessDenied', { status: 403, code: 'ErrorAccessDenied' }, 'ErrorAccessDenied'],
  ['503', { status: 503, code: 'ServiceUnavailable' }, 'ServiceUnavailable'],
  ['504 in HTML', { status: 504, body: '<html>Gateway</html>' }, 'HTTP 504'],
  ['507', { status: 507 }, 'HTTP 507'],
  ['400 with a code nobody knows', { status: 400, code: 'ErrorOfTomorrow' }, 'ErrorOfTomorrow'],
  ['418', { status: 418 }, 'HTTP 418'],
] as const)
  test(`${what} is tried again, with the same bytes, and the status says why it waits`, async (t) => {
    const relay = await newRelay([answer, { status: 202 }]);
    t.after(relay.graphServer.close);
    const mail = await relay.accept();
    await deliverMessage(relay.options, wakeUpOf(mail));
    const waiting = await relay.state(mail);
    assert.equal(waiting.state, 'accepted');
    assert.ok(waiting.reason?.startsWith(`${code}: `), waiting.reason ?? '');
    assert.ok(Date.parse(waiting.due!) > Date.now() + 1000);
    assert.equal(relay.queues.sent.length, 1);
    // The time passes.
    const current = (await relay.store.readState(mail))!;
    await relay.store.replaceState({ ...current.record, due: past(1) }, current.etag);
    await deliverMessage({ ...relay.options, windows: createMailboxWindows(1) }, wakeUpOf(mail));
    assert.equal((await relay.state(mail)).state, 'sent');
    const [one, two] = relay.graphServer.calls;
    assert.equal(one!.body, two!.body);
    assert.ok(one!.body.length > 0);
    assert.notEqual(one!.headers['client-request-id'], two!.headers['client-request-id']);
  });

for (const [what, retryAfter] of [
  ['seconds', '7'],
  ['a date', new Date(Math.ceil(Date.now() / 1000) * 1000 + 600_000).toUTCString()],
] as const)
  test(`Retry-After in ${what} is waited for, and rests the mailbox, not another one`, async (t) => {
    const relay = await newRelay([{ status: 429, retryAfter }, { status: 202 }]);
    t.after(relay.graphServer.close);
    const [mail, neighbour] = [await relay.accept(), await relay.accept({ mailbox: 'other@contoso.com' })];
    await deliverMessage(relay.options, wakeUpOf(mail));
    const due = Date.parse((await relay.state(mail)).due!);
    const wanted = Number(retryAfter) ? Date.now() + 7000 : Date.parse(retryAfter);
    assert.ok(Math.abs(due - wanted) < 1500);
    const sibling = await relay.accept();
    await deliverMessage(relay.options, wakeUpOf(sibling));
    assert.equal((await relay.state(sibling)).attempts, 0);
    await deliverMessage(relay.options, wakeUpOf(neighbour));
    assert.equal((await relay.state(neighbour)).state, 'sent');
  });

for (const [status, code] of [
  [400, 'ErrorMimeContentInvalidBase64String'],
  [400, 'ErrorInvalidRecipients'],
  [403, 'ErrorSendAsDenied'],
  [404, 'ErrorInvalidUser'],
  [404, 'MailboxNotEnabledForRESTAPI'],
  [413, 'ErrorMessageSizeExceeded'],
] as const)
  test(`${status} ${code} fails at once, with the code first in the reason, and is reported`, async (t) => {
    const relay = await newRelay([{ status, code }]);
    t.after(relay.graphServer.close);
    const mail = await relay.accept();
    await deliverMessage(relay.options, wakeUpOf(mail));
    const record = await relay.state(mail);
    assert.equal(record.state, 'failed');
    assert.ok(record.reason?.startsWith(`${code}: `));
    assert.ok(record.reported);
    assert.deepEqual(relay.names(), ['mail.failed']);
    assert.equal(relay.store.bodies.size, 1, 'the body is kept for a person');
  });

test('200 is not success', async (t) => {
  const relay = await newRelay([{ status: 200 }]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
  const record = await relay.state(mail);
  assert.notEqual(record.state, 'sent');
  assert.match(record.reason!, /only 202/);
});

test('a Graph that hangs is left after the timeout, and what it did is unknown', async (t) => {
  const relay = await newRelay([{ hang: true }], { AMBIGUOUS_SEND: 'hold' });
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.equal((await relay.state(mail)).state, 'held');
});

test('a Graph that cannot be reached has sent nothing, whatever the policy', async (t) => {
  const relay = await newRelay([], { AMBIGUOUS_SEND: 'hold' });
  await relay.graphServer.close();
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
  const record = await relay.state(mail);
  assert.equal(record.state, 'accepted');
  assert.match(record.reason!, /ECONNREFUSED/);
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

test('the cloud gives up after 3 days and 20 attempts, not after one of them', async (t) => {
  const old = past(4 * 24 * 3600_000);
  const relay = await newRelay(Array(3).fill({ status: 503 }));
  t.after(relay.graphServer.close);
  const [both, young, few] = [
    await relay.accept({ acceptedAt: old, attempts: 20 }),
    await relay.accept({ attempts: 30 }),
    await relay.accept({ acceptedAt: old, attempts: 5 }),
  ];
  for (const mail of [both, young, few]) await deliverMessage(relay.options, wakeUpOf(mail));
  assert.match((await relay.state(both)).reason!, /^GaveUp: 21 attempts, the last: /);
  assert.equal((await relay.state(young)).state, 'accepted');
  assert.equal((await relay.state(few)).state, 'accepted');
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

test('paused delivery keeps the mail and sends nothing', async (t) => {
  const relay = await newRelay([], { DELIVERY: 'paused' });
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.equal(relay.graphServer.calls.length, 0);
  assert.equal(relay.queues.sent.length, 1);
  assert.equal((await relay.state(mail)).state, 'accepted');
});

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

test('the sweeper wakes what is late, clears what is finished, reports what was not, and leaves the rest', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const late = await relay.accept({ due: past(16 * 60_000) });
  const dead = await relay.accept({
    state: 'sending',
    claim: { owner: 'x', since: past(1000), until: past(16 * 60_000), attempt: 1 },
  });
  await relay.accept({ due: past(60_000) });
  await relay.accept({ state: 'sent' });
  const silent = await relay.accept({ state: 'failed', reason: 'X: y' });
  const orphan = { caller: 'local', id: randomUUID() };
  await relay.store.newBody(orphan).commit('d');
  const report = await sweepMail(relay);
  assert.deepEqual(relay.queues.sent.map(({ wakeUp }) => wakeUp.id).sort(), [late.id, dead.id].sort());
  assert.deepEqual([report.waiting, report.woken, report.cleared], [3, 2, 1]);
  assert.ok((await relay.state(silent)).reported);
  assert.ok(relay.store.bodies.has(`local/${orphan.id}`));
  const tomorrow = await sweepMail(relay, Date.now() + 25 * 3600_000);
  assert.equal(tomorrow.cleared, 1);
  assert.ok(!relay.store.bodies.has(`local/${orphan.id}`));
});

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

test('in pilot mode every mail goes to one address, and says whom it was for', async (t) => {
  const relay = await newRelay([{ status: 202 }], { REDIRECT_ALL_TO: 'pilot@contoso.com' });
  t.after(relay.graphServer.close);
  await deliverMessage(relay.options, wakeUpOf(await relay.accept({ to: ['bob@contoso.com', 'eve@fabrikam.com'] })));
  const mime = Buffer.from(relay.graphServer.calls[0]!.body, 'base64').toString();
  assert.match(mime, /^Bcc: pilot@contoso\.com\r\n/);
  assert.match(mime, /X-Relay-Original-Recipients: bob@contoso\.com,\r\n eve@fabrikam\.com\r\n/);
  assert.doesNotMatch(mime, /^(To|Cc):/m);
});

test('the sweeper wakes a late mail once in a quarter of an hour, whatever else is in the queue', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const [mail, other] = [await relay.accept({ due: past(3600_000) }), await relay.accept({ due: future(3600_000) })];
  for (let i = 0; i < 3; i++) await relay.queues.wakeUp('deliveries-waiting', wakeUpOf(other), 60_000);
  const wakeUps = () => relay.queues.sent.filter(({ wakeUp }) => wakeUp.id === mail.id).length;
  await sweepMail(relay.options);
  await sweepMail(relay.options, Date.now() + 5 * 60_000);
  assert.equal(wakeUps(), 1);
  await sweepMail(relay.options, Date.now() + 16 * 60_000);
  assert.equal(wakeUps(), 2);
});

test('the sweeper wakes nothing while delivery is paused', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  await relay.accept({ due: past(3600_000) });
  await relay.store.setPaused(true);
  await sweepMail(relay.options);
  assert.equal(relay.queues.sent.length, 0);
});

test('a state record that cannot be read stops nobody else, and its body stays', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const [broken, late] = [await relay.accept(), await relay.accept({ due: past(3600_000) })];
  const readState = relay.store.readState;
  const store = {
    ...relay.store,
    readState: async (key: { caller: string; id: string }) => {
      if (key.id === broken.id) throw new Error('not a state record');
      return readState(key);
    },
  };
  await sweepMail({ ...relay.options, store }, Date.now() + 30 * 3600_000);
  assert.ok(relay.queues.sent.some(({ wakeUp }) => wakeUp.id === late.id));
  assert.ok(relay.store.bodies.has(`local/${broken.id}`));
  assert.ok(relay.names().includes('relay.trouble'));
});

test('a 202 is a 202 though its body breaks off', async (t) => {
  const relay = await newRelay([{ status: 202, cutOff: true }]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
  assert.equal((await relay.state(mail)).state, 'sent');
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
