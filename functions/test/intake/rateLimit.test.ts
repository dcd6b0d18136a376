import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../../intake/problems.ts';
import { createRateLimits } from '../../intake/rateLimit.ts';

const caller = (name: string, messagesPerMinute?: number) => ({
  name,
  keyHashes: [],
  applicationIds: [],
  senders: [],
  recipients: [],
  messagesPerMinute,
});

test("a minute's worth may come at once, then one per share of the minute, and the wait is told", () => {
  let now = 0;
  const limits = createRateLimits(() => now);
  const app = caller('app', 30);
  for (let i = 0; i < 30; i++) limits.take(app);
  const refused = (seconds: number) => (error: unknown) =>
    error instanceof Refusal && error.problem === 'rate-limited' && error.extensions.retryAfterSeconds === seconds;
  assert.throws(() => limits.take(app), refused(2));
  now += 500;
  assert.throws(() => limits.take(app), refused(2));
  now += 1500;
  limits.take(app);
  assert.throws(() => limits.take(app), refused(2));
  now += 3600_000;
  for (let i = 0; i < 30; i++) limits.take(app);
  assert.throws(() => limits.take(app));
});

test('every edge may report ten times a minute, whatever its caller may submit', () => {
  let now = 0;
  const limits = createRateLimits(() => now);
  for (const edge of ['plant-7', 'plant-8']) {
    for (let i = 0; i < 10; i++) limits.takeHeartbeat(caller('edge'), edge);
    assert.throws(() => limits.takeHeartbeat(caller('edge'), edge), /report 10 times a minute/);
  }
  limits.takeHeartbeat(caller('other'), 'plant-7');
  limits.take(caller('edge', 1));
  now += 6000;
  limits.takeHeartbeat(caller('edge'), 'plant-7');
});

test('one caller does not use up what another may send, and a caller without a rate has no limit', () => {
  const limits = createRateLimits(() => 0);
  limits.take(caller('one', 1));
  assert.throws(() => limits.take(caller('one', 1)));
  limits.take(caller('two', 1));
  for (let i = 0; i < 1000; i++) limits.take(caller('three'));
});
