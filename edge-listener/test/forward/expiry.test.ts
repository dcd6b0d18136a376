// When a message is given up, and when it is only tried later: over a spool and a function app that are made up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Outcome } from '../../../functions/contract/outcome.ts';
import { createForwarder } from '../../src/forward/forwarder.ts';
import type { QueuedEntry, Settlement, Spool, StoredMessage } from '../../src/spool/spool.ts';

const NOW = Date.parse('2026-05-01T00:00:00Z');
const DAY = 24 * 3_600_000;

/** What becomes of one message that was tried so often, first at `firstTriedAt`, when the function app says `outcome`. */
async function fate(attempts: number, firstTriedAt: number | undefined, outcome: Outcome) {
  const entry: QueuedEntry = { id: 'one', bytes: 1, sender: '', queuedAt: NOW, due: NOW, attempts, firstTriedAt };
  const message = { close: async () => undefined } as StoredMessage;
  let waiting: QueuedEntry | undefined = entry;
  let settled: Settlement | undefined;
  let tries = 0;
  const spool: Partial<Spool> = {
    take() {
      const taken = waiting;
      waiting = undefined;
      return taken;
    },
    nextDue: () => undefined,
    open: async () => message,
    settle: async (_, settlement) => {
      settled = settlement;
    },
    onQueued: () => undefined,
  };
  const forwarder = createForwarder({
    spool: spool as Spool,
    client: {
      async submit() {
        tries++;
        return outcome;
      },
    },
    parallel: 1,
    report: () => undefined,
    now: () => NOW,
    random: () => 0.5,
    reportFailure: async () => undefined,
  });
  forwarder.start();
  while (!settled) await setImmediate();
  await forwarder.stop(0);
  return { settled, tries };
}

const busy: Outcome = { kind: 'retry', reason: 'busy' };

test('a message first tried in 1970, by a clock that was not set yet, is tried and kept', async () => {
  const { settled, tries } = await fate(1, 60_000, busy);
  assert.equal(tries, 1);
  assert.deepEqual(settled, { kind: 'retry', attempts: 2, due: NOW + 8000, firstTriedAt: 60_000 });
});

test('a message is given up after five days and fifty attempts, both', async () => {
  const since = NOW - 5 * DAY - 1;
  assert.equal((await fate(48, since, busy)).settled.kind, 'retry');
  assert.equal((await fate(60, NOW - 4 * DAY, busy)).settled.kind, 'retry');
  const { settled } = await fate(49, since, busy);
  assert.equal(settled.kind, 'failed');
  assert.deepEqual(settled.kind === 'failed' && [settled.code, settled.attempts], ['expired', 50]);
});

test('a message that was tried often for 28 days is not forwarded without a person', async () => {
  const { settled, tries } = await fate(50, NOW - 28 * DAY - 1, { kind: 'accepted' });
  assert.equal(tries, 0);
  assert.equal(settled.kind, 'failed');
});

test('Retry-After is honoured up to an hour', async () => {
  const dueAfter = async (afterMs: number) => {
    const { settled } = await fate(0, undefined, { ...busy, afterMs });
    return settled.kind === 'retry' && settled.due - NOW;
  };
  assert.equal(await dueAfter(600_000), 600_000);
  assert.equal(await dueAfter(1e12), 3_600_000);
});

test('a bad request is final at the third attempt: before that the way may have changed the message', async () => {
  const refusal: Outcome = { kind: 'reject', code: '400 bad-request', reason: 'The digest does not match.' };
  const kinds = [];
  for (const attempts of [0, 1, 2]) kinds.push((await fate(attempts, NOW - 1000, refusal)).settled.kind);
  assert.deepEqual(kinds, ['retry', 'retry', 'failed']);
  assert.equal((await fate(0, undefined, { ...refusal, code: '422 unprocessable-message' })).settled.kind, 'failed');
});
