// What a mail becomes by what Graph says to it, or by saying nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deliverMessage } from '../../delivery/deliverMessage.ts';
import { createMailboxWindows } from '../../delivery/mailboxWindows.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { newRelay, past } from './testRelay.ts';

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

test('a 202 is a 202 though its body breaks off', async (t) => {
  const relay = await newRelay([{ status: 202, cutOff: true }]);
  t.after(relay.graphServer.close);
  const mail = await relay.accept();
  await deliverMessage(relay.options, wakeUpOf(mail));
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

for (const [what, retryAfter] of [
  ['zero', '0'],
  ['a date that is past', 'Mon, 23 Nov 2020 10:00:00 GMT'],
] as const)
  test(`a Retry-After of ${what} is no reason to come back at once, nor to rest the mailbox for hours`, async (t) => {
    const relay = await newRelay(Array(3).fill({ status: 429, retryAfter }));
    t.after(relay.graphServer.close);
    for (const [attempts, atLeastMs] of [
      [0, 1000],
      [2, 24_000],
      [6, 2_800_000],
    ] as const) {
      const mail = await relay.accept({ attempts });
      const windows = createMailboxWindows(1);
      await deliverMessage({ ...relay.options, windows }, wakeUpOf(mail));
      assert.ok(Date.parse((await relay.state(mail)).due!) - Date.now() >= atLeastMs, `after ${attempts} attempts`);
      const rest = windows.enter(mail.mailbox);
      assert.ok('comeBackInMs' in rest && rest.comeBackInMs < 31_000);
    }
  });

test('a mailbox that asks for an administrator rests briefly three times, then longer, whichever mail asks', async (t) => {
  const denied = { status: 403, code: 'ErrorAccessDenied' };
  const relay = await newRelay([denied, denied, denied, denied, { status: 202 }, denied]);
  t.after(relay.graphServer.close);
  let skipped = 0;
  const windows = createMailboxWindows(1, () => Date.now() + skipped);
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    const mail = await relay.accept({ attempts: i % 2 === 0 ? 9 : 0 });
    await deliverMessage({ ...relay.options, windows }, wakeUpOf(mail));
    const { due } = await relay.state(mail);
    waits.push(due === null ? 0 : Math.round((Date.parse(due) - Date.now()) / 30_000));
    skipped += 16 * 60_000;
  }
  assert.deepEqual(waits, [1, 1, 1, 30, 0, 1]);
});
