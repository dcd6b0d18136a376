import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { openDiskSpool } from '../../src/spool/diskSpool.ts';
import { keepFailedForDays } from '../../src/spool/failedRetention.ts';
import { inParallel } from '../../src/spool/inParallel.ts';
import { temporaryDirectory } from '../support/runEdge.ts';
import { until } from '../support/until.ts';
import { put } from './spoolContract.ts';

const DAY = 24 * 3_600_000;
const T0 = 1_800_000_000_000;

test('failed mail is kept for 30 days and then deleted, with an event for each', async () => {
  const { path, remove } = temporaryDirectory();
  const clock = { now: T0 };
  const wall = () => clock.now;
  const spool = await openDiskSpool({ directory: path, now: () => T0, wall });
  const id = await put(spool, Buffer.from('x'), T0);
  await spool.settle(spool.take(T0)!, { kind: 'failed', attempts: 1, code: '413', reason: 'too large' });
  const events: unknown[] = [];
  const report = (event: string, fields: unknown) => void events.push([event, fields]);
  clock.now += 30 * DAY - 1000;
  keepFailedForDays({ spool, report, wall })();
  await spool.close();
  clock.now += 2000;
  const again = await openDiskSpool({ directory: path, now: () => T0, wall });
  assert.equal(again.counts().failed, 1);
  keepFailedForDays({ spool: again, report, wall })();
  await until('it is deleted', () => events.length > 0);
  assert.deepEqual(events, [['edge.discarded', { id, reason: 'It was kept as failed for 30 days.' }]]);
  assert.equal(again.counts().failed, 0);
  await again.close();
  remove();
});

test('many files are read a few at a time', async () => {
  let open = 0;
  let most = 0;
  let done = 0;
  await inParallel(Array.from({ length: 100 }), 16, async () => {
    most = Math.max(most, ++open);
    await setImmediate();
    open--;
    done++;
  });
  assert.deepEqual([most, done], [16, 100]);
});
