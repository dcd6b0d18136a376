// How long a large mail has patience with a throttled mailbox, and when it comes back after that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createCallGate } from '../../../delivery/large/callGate.ts';
import { createMailboxWindows } from '../../../delivery/mailboxWindows.ts';
import { newLargeRelay } from './largeRelay.ts';
import { scan } from './mailSamples.ts';

const MINUTE = 60_000;

test('an attempt waits 5 minutes for a throttled mailbox, the second 10, every later one 15', async () => {
  /** Whether this attempt waits so long, instead of giving the 429 back. */
  const waits = async (attempt: number, minutes: number) => {
    const ended = new AbortController();
    const gate = createCallGate({
      windows: createMailboxWindows(1),
      mailbox: 'a@b',
      signal: ended.signal,
      attempt,
      othersWait: () => false,
      onThrottled: () => ended.abort(),
    });
    // Where it waits, the wait is ended here, and that throws.
    await gate.call(async () => ({ status: 429, retryAfterMs: minutes * MINUTE })).catch(() => {});
    return ended.signal.aborted;
  };
  for (const [attempt, patience] of [
    [1, 5],
    [2, 10],
    [3, 15],
    [9, 15],
  ] as const) {
    assert.ok(await waits(attempt, patience), `attempt ${attempt}`);
    assert.ok(!(await waits(attempt, patience + 1)), `attempt ${attempt}`);
  }
});

test('an attempt lets others past that wait while its mailbox is throttled for long; a third one stays', async () => {
  /** What an attempt gives back after a 429 with this pause; nothing while it waits. */
  const gives = async (attempt: number, pauseMs: number, othersWait: () => boolean, looks = () => nextTurn()) => {
    const ended = new AbortController();
    const { signal } = ended;
    const windows = createMailboxWindows(1);
    const gate = createCallGate({ windows, mailbox: 'a@b', signal, attempt, othersWait, onThrottled() {} });
    const call = gate.call(async () => ({ status: 429, retryAfterMs: pauseMs }));
    await Promise.race([call, looks()]);
    ended.abort();
    return call.catch(() => undefined);
  };
  const given = await gives(1, 4 * MINUTE, () => true);
  assert.equal(given?.status, 429);
  assert.ok(Math.abs(given.retryAfterMs - 4 * MINUTE) < 5000, `${given.retryAfterMs}`);
  assert.ok(await gives(2, 4 * MINUTE, () => true));
  assert.equal(await gives(3, 4 * MINUTE, () => true), undefined, 'it might never come through');
  assert.equal(await gives(1, 20_000, () => true), undefined, 'so short a wait is waited out');
  assert.equal(await gives(1, 4 * MINUTE, () => false), undefined, 'nobody else waits');
  let looked = 0;
  const later = await gives(
    1,
    4 * MINUTE,
    () => looked++ > 0,
    () => new Promise(() => {}),
  );
  assert.ok(later!.retryAfterMs < 4 * MINUTE, 'they came while it waited');
});

test('mails that were throttled together come back a little apart, none earlier than Graph asked for', async (t) => {
  const relay = await newLargeRelay(t);
  await relay.setFaults([{ path: '/messages$', method: 'POST', status: 429, retryAfter: 7200, times: 100 }]);
  const waits: number[] = [];
  for (let index = 0; index < 4; index++) {
    const mail = await relay.accept(scan(1000), { asDraft: true, mailbox: `scan${index}@contoso.com` });
    const began = Date.now();
    await relay.deliver(mail);
    const { state, due, reason } = await relay.state(mail);
    assert.equal(state, 'accepted', reason ?? '');
    waits.push(Date.parse(due!) - began);
  }
  for (const wait of waits) assert.ok(wait >= 7_200_000 && wait <= 7_200_000 * 1.2 + 10_000, String(wait));
  assert.ok(Math.max(...waits) - Math.min(...waits) > 1000, waits.join());
});
