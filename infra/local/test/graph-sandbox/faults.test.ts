import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphError, mail, startSandbox } from './sandboxClient.ts';

test('a fault with a code meets one call with the body of a Graph error, and the call has no effect', async (t) => {
  const sandbox = await startSandbox(t);
  assert.equal((await sandbox.setFaults([{ status: 429, code: 'ApplicationThrottled', retryAfter: 3 }])).status, 204);
  const refused = await sandbox.sendMime('a@contoso.com', mail());
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '3');
  const error = await graphError(refused);
  assert.equal(error.code, 'ApplicationThrottled');
  assert.equal(error.message, 'Application is over its MailboxConcurrency limit.');
  assert.ok(error.innerError['request-id']);
  assert.deepEqual(await sandbox.messages(), []);
  assert.equal((await sandbox.sendMime('a@contoso.com', mail())).status, 202);
});

test('a Retry-After that is a date goes out as it is', async (t) => {
  const sandbox = await startSandbox(t);
  const date = new Date(Date.now() + 5000).toUTCString();
  await sandbox.setFaults([{ status: 503, retryAfter: date }]);
  assert.equal((await sandbox.sendMime('a@contoso.com', mail())).headers.get('retry-after'), date);
});

test('200 instead of 202 has an empty body and sends nothing', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.setFaults([{ status: 200 }]);
  const response = await sandbox.sendMime('a@contoso.com', mail());
  assert.equal(response.status, 200);
  assert.equal(await response.text(), '');
  assert.deepEqual(await sandbox.messages(), []);
});

test('with after, the call takes effect and then fails', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.setFaults([
    { status: 504, after: true },
    { dropConnection: true, after: true },
  ]);
  assert.equal((await sandbox.sendMime('a@contoso.com', mail())).status, 504);
  await assert.rejects(sandbox.sendMime('a@contoso.com', mail()));
  assert.equal((await sandbox.messages()).length, 2);
});

test('a dropped connection without after has no effect', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.setFaults([{ dropConnection: true }]);
  await assert.rejects(sandbox.sendMime('a@contoso.com', mail()));
  assert.deepEqual(await sandbox.messages(), []);
  assert.deepEqual((await sandbox.stats()).byStatus, {});
});

test('method and path choose the calls, the path is searched decoded, and times says how many', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.setFaults([{ method: 'post', path: '^/v1.0/users/a@contoso\\.com/sendMail$', status: 503, times: 2 }]);
  assert.equal((await sandbox.sendMime('b@contoso.com', mail())).status, 202);
  assert.equal((await sandbox.sendMime('a@contoso.com', mail())).status, 503);
  assert.equal((await sandbox.sendMime('a@contoso.com', mail())).status, 503);
  assert.equal((await sandbox.sendMime('a@contoso.com', mail())).status, 202);
});

test('a call that hangs without a status ends with its connection closed', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.setFaults([{ hangMs: 50 }]);
  const start = Date.now();
  await assert.rejects(sandbox.sendMime('a@contoso.com', mail()));
  assert.ok(Date.now() - start >= 45);
  assert.deepEqual(await sandbox.messages(), []);
});

test('a call that hangs with a status is answered so, and an empty list ends the hang at once', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.setFaults([{ hangMs: 600_000, status: 504 }, { hangMs: 600_000 }]);
  const answered = sandbox.sendMime('a@contoso.com', mail());
  const deadline = Date.now() + 5000;
  while ((await sandbox.stats()).requests < 1 && Date.now() < deadline);
  const closed = assert.rejects(sandbox.sendMime('a@contoso.com', mail()));
  while ((await sandbox.stats()).requests < 2 && Date.now() < deadline);
  await sandbox.setFaults([]);
  assert.equal((await answered).status, 504);
  await closed;
  assert.deepEqual(await sandbox.messages(), []);
});

test('a client that stops waiting for a hanging call frees its place', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.setFaults([{ hangMs: 600_000 }]);
  const body = Buffer.from(mail()).toString('base64');
  await assert.rejects(
    sandbox.graph('POST', '/users/a@contoso.com/sendMail', {
      body,
      headers: { 'content-type': 'text/plain' },
      signal: AbortSignal.timeout(50),
    }),
  );
  assert.equal((await sandbox.sendMime('a@contoso.com', mail())).status, 202);
  assert.equal((await sandbox.stats()).maxInFlightByMailbox['a@contoso.com'], 1);
});

for (const [faults, problem] of [
  [{ status: 503 }, /JSON array/],
  [[7], /Fault 0: it must be a JSON object/],
  [[{ status: 503 }, { statu: 503 }], /Fault 1: "statu" is not a field/],
  [[{ status: 99 }], /"status"/],
  [[{ status: '503' }], /"status"/],
  [[{ status: 503, method: 'SEND' }], /"method"/],
  [[{ status: 503, path: '(' }], /"path"/],
  [[{ status: 503, retryAfter: 'soon' }], /"retryAfter"/],
  [[{ status: 503, retryAfter: -1 }], /"retryAfter"/],
  [[{ status: 503, times: 0 }], /"times"/],
  [[{ status: 503, after: 'yes' }], /"after"/],
  [[{ hangMs: 0 }], /"hangMs"/],
  [[{ dropConnection: 1 }], /"dropConnection"/],
  [[{ dropConnection: true, status: 500 }], /exclude each other/],
  [[{ after: true }], /nothing would go wrong/],
  [[{ hangMs: 5, code: 'X' }], /"code" needs a "status"/],
] as const)
  test(`faults ${JSON.stringify(faults)} are refused with the reason`, async (t) => {
    const sandbox = await startSandbox(t);
    const response = await sandbox.setFaults(faults);
    assert.equal(response.status, 400);
    assert.match(((await response.json()) as { error: string }).error, problem);
  });
