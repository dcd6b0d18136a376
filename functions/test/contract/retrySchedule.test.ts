import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRetryAfterMs, retryDelayMs } from '../../contract/retrySchedule.ts';

test('retries come after 2, 8, 30 s, 2, 10 min and then hourly', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 100].map((attempt) => retryDelayMs(attempt, () => 0.5));
  assert.deepEqual(
    delays,
    [2, 8, 30, 120, 600, 3600, 3600, 3600].map((s) => s * 1000),
  );
});

test('each delay is spread by a fifth either way', () => {
  assert.equal(
    retryDelayMs(1, () => 0),
    1600,
  );
  assert.equal(Math.round(retryDelayMs(1, () => 0.999999)), 2400);
});

test('Retry-After is read as seconds and as a date, and never negative', () => {
  const now = Date.UTC(2026, 10, 23, 12, 0, 0);
  assert.equal(parseRetryAfterMs('3', now), 3000);
  assert.equal(parseRetryAfterMs(new Date(now + 5000).toUTCString(), now), 5000);
  assert.equal(parseRetryAfterMs(new Date(now - 5000).toUTCString(), now), 0);
  for (const nothing of [null, undefined, '', 'soon', '-1x']) assert.equal(parseRetryAfterMs(nothing, now), undefined);
});
