import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCallGate } from '../../delivery/large/callGate.ts';
import { createMailboxWindows, type NotNow, type Permit, type Place } from '../../delivery/mailboxWindows.ts';

const place = (given: Place | NotNow): Place => {
  assert.ok('take' in given, 'expected a place');
  return given;
};
const permit = (given: Permit | NotNow): Permit => {
  assert.ok('release' in given, 'expected a permit');
  return given;
};
const wait = (given: Place | Permit | NotNow): number => {
  assert.ok('comeBackInMs' in given, 'expected a time to come back');
  return given.comeBackInMs;
};

test("a process starts with its share of Graph's four calls per mailbox", () => {
  for (const [instances, share] of [
    [1, 4],
    [2, 2],
    [3, 1],
    [4, 1],
    [40, 1],
  ] as const) {
    const windows = createMailboxWindows(instances);
    for (let i = 0; i < share; i++) permit(place(windows.enter('a@b')).take());
    wait(place(windows.enter('a@b')).take());
  }
});

test('the window grows by one after 40 clean calls, up to 4, and halves on a 429', () => {
  const windows = createMailboxWindows(4);
  const inWindow = () => {
    const permits: Permit[] = [];
    for (let given = windows.take('a@b'); 'release' in given; given = windows.take('a@b')) permits.push(given);
    for (const each of permits) each.release('unknown');
    return permits.length;
  };
  const call = (result: 'clean' | 'throttled', times = 1) => {
    for (let i = 0; i < times; i++) permit(windows.take('a@b')).release(result);
  };
  assert.equal(inWindow(), 1);
  call('clean', 39);
  assert.equal(inWindow(), 1);
  call('clean');
  assert.equal(inWindow(), 2);
  call('clean', 200);
  assert.equal(inWindow(), 4);
  call('throttled');
  assert.equal(inWindow(), 2);
  call('throttled', 3);
  assert.equal(inWindow(), 1);
});

test('who gets no permit is told to come back one call after the one before', () => {
  let now = 1000;
  const windows = createMailboxWindows(4, () => now);
  const first = place(windows.enter('a@b'));
  const running = permit(first.take());
  now += 100;
  running.release('clean');
  permit(first.take());
  const waits = [1, 2, 3].map(() => wait(first.take()));
  assert.ok(waits[0]! > 0);
  assert.equal(Math.round(waits[2]! - waits[1]!), Math.round(waits[1]! - waits[0]!));
});

test('a parked mailbox gives no place until its time has come; its neighbour does', () => {
  let now = 1000;
  const windows = createMailboxWindows(4, () => now);
  windows.park('a@b', 60_000);
  assert.ok(wait(windows.enter('A@B')) >= 60_000);
  place(windows.enter('c@b'));
  now += 60_000;
  place(windows.enter('a@b'));
});

test('mailboxes that are not used are forgotten', () => {
  let now = 1000;
  const windows = createMailboxWindows(4, () => now);
  const used = place(windows.enter('a@b'));
  for (let i = 0; i < 40; i++) permit(used.take()).release('clean');
  used.leave();
  now += 16 * 60_000;
  windows.enter('c@b');
  const again = place(windows.enter('a@b'));
  permit(again.take());
  wait(again.take());
});

test('where storage is slow and Graph is fast, more mail is taken in hand; where Graph is slow, hardly more than may call', () => {
  let now = 1000;
  const inHand = (storageMs: number, callMs: number) => {
    const windows = createMailboxWindows(4, () => now);
    for (let i = 0; i < 30; i++) {
      const entered = place(windows.enter('a@b'));
      now += storageMs;
      const call = permit(entered.take());
      now += callMs;
      call.release('unknown');
      entered.leave();
    }
    let places = 0;
    while ('take' in windows.enter('a@b')) places++;
    return places;
  };
  assert.equal(inHand(10, 1000), 3);
  assert.equal(inHand(40, 10), 6);
  assert.equal(inHand(1000, 10), 8);
});

const firstAttempt = { attempt: 1, othersWait: () => false, onThrottled() {} };

test('the calls of a large mail need no place, so a burst that holds them all does not stop it', async () => {
  const windows = createMailboxWindows(4);
  while ('take' in windows.enter('a@b'));
  const signal = AbortSignal.timeout(5000);
  const gate = createCallGate({ windows, mailbox: 'a@b', signal, ...firstAttempt });
  const answer = await gate.call(async () => ({ status: 200, retryAfterMs: undefined }));
  assert.equal(answer.status, 200);
});

test('the calls of large and small mail together are never more than the window', async () => {
  const windows = createMailboxWindows(2);
  const small = permit(place(windows.enter('a@b')).take());
  const signal = AbortSignal.timeout(20_000);
  const gate = createCallGate({ windows, mailbox: 'a@b', signal, ...firstAttempt });
  let running = 1;
  let most = 0;
  const calls = [1, 2, 3].map(() =>
    gate.call(async () => {
      most = Math.max(most, ++running);
      wait(windows.take('a@b'));
      await new Promise(setImmediate);
      running--;
      return { status: 200, retryAfterMs: undefined };
    }),
  );
  await Promise.all(calls);
  assert.equal(most, 2);
  small.release('clean');
});
