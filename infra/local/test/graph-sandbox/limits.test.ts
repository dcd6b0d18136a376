import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GraphError } from '../../graph-sandbox/graph/graphError.ts';
import { createGraphLimits } from '../../graph-sandbox/graph/graphLimits.ts';
import { graphError, mail, startSandbox } from './sandboxClient.ts';

test('a fifth call to a mailbox at once is throttled, and another mailbox is not', async (t) => {
  const sandbox = await startSandbox(t, { graphLimits: true });
  const calls = Array.from({ length: 5 }, () => sandbox.sendMime('Busy@contoso.com', mail()));
  const other = sandbox.sendMime('idle@contoso.com', mail());
  const answers = await Promise.all(calls);
  assert.equal((await other).status, 202);
  const refused = answers.filter((answer) => answer.status !== 202);
  assert.equal(refused.length, 1);
  assert.equal(refused[0]?.status, 429);
  assert.equal(refused[0]?.headers.get('retry-after'), '1');
  const error = await graphError(refused[0]!);
  assert.equal(error.code, 'ApplicationThrottled');
  assert.equal(error.message, 'Application is over its MailboxConcurrency limit.');
  assert.equal((await sandbox.stats()).maxInFlightByMailbox['busy@contoso.com'], 5);
  assert.equal((await sandbox.sendMime('busy@contoso.com', mail())).status, 202);
});

test('without the limits nothing is throttled', async (t) => {
  const sandbox = await startSandbox(t);
  const answers = await Promise.all(Array.from({ length: 20 }, () => sandbox.sendMime('a@contoso.com', mail())));
  assert.ok(answers.every((answer) => answer.status === 202));
});

test('10,000 calls fit into ten minutes, and refused ones count', async () => {
  let now = 1_000_000_000_000;
  const limits = createGraphLimits(() => now, 0);
  const call = async () => {
    const admission = limits.admit('a@contoso.com');
    try {
      await admission.upload(0);
      return 'ok';
    } catch (error) {
      assert.ok(error instanceof GraphError && error.code === 'ApplicationThrottled');
      return error.headers['retry-after'];
    } finally {
      admission.end();
    }
  };
  for (let n = 0; n < 10_000; n++) {
    if (n === 5000) now += 60_000;
    assert.equal(await call(), 'ok');
  }
  assert.equal(await call(), '540');
  now += 540_000;
  for (let n = 0; n < 4999; n++) assert.equal(await call(), 'ok');
  assert.equal(await call(), '60');
});

test('150 MB may be uploaded in five minutes, and only what was let through counts', async () => {
  let now = 1_000_000_000_000;
  const limits = createGraphLimits(() => now, 0);
  const upload = async (bytes: number, mailbox = 'a@contoso.com') => {
    const admission = limits.admit(mailbox);
    try {
      await admission.upload(bytes);
      return 'ok';
    } catch (error) {
      return error instanceof GraphError ? error.headers['retry-after'] : String(error);
    } finally {
      admission.end();
    }
  };
  assert.equal(await upload(100_000_000), 'ok');
  now += 100_000;
  assert.equal(await upload(50_000_001), '200');
  assert.equal(await upload(50_000_000), 'ok');
  assert.equal(await upload(1), '200');
  assert.equal(await upload(100_000_000, 'b@contoso.com'), 'ok');
  now += 200_000;
  assert.equal(await upload(100_000_000), 'ok');
});
