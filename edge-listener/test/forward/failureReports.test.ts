// Who is told what over the hours, with a clock that is made up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFailureReports, reportIdOf } from '../../src/forward/failureReports.ts';
import { openDiskSpool } from '../../src/spool/diskSpool.ts';
import { put } from '../spool/spoolContract.ts';
import { temporaryDirectory } from '../support/runEdge.ts';

const HOUR = 3_600_000;
const T0 = 1_800_000_000_000;

/** A spool whose mail fails, and the texts of the reports that are queued in it. */
async function failing(postmaster: string) {
  const { path, remove } = temporaryDirectory();
  const clock = { now: T0 };
  const now = () => clock.now;
  const spool = await openDiskSpool({ directory: path, now });
  const reports = createFailureReports({ spool, edge: 'test', postmaster, report: () => undefined, now });
  async function fail(id?: string): Promise<string> {
    const failed = id ?? (await put(spool, Buffer.from('Subject: x\r\n\r\nx\r\n'), clock.now, 'a@example.com'));
    await spool.settle(spool.take(clock.now)!, { kind: 'failed', attempts: 1, code: '413', reason: 'too large' });
    await reports.reportFailure(failed, '413', 'too large');
    return failed;
  }
  async function queued(): Promise<string[]> {
    const texts: string[] = [];
    for (let entry = spool.take(clock.now); entry; entry = spool.take(clock.now)) {
      const message = await spool.open(entry);
      for await (const chunk of message.body()) texts.push(String(chunk));
      await message.close();
      await spool.settle(entry, { kind: 'forwarded' });
    }
    return texts;
  }
  const close = async () => {
    await reports.close();
    await spool.close();
    remove();
  };
  return { clock, spool, reports, fail, queued, close };
}

test('a message that was retried and failed again gets a report of its own', async () => {
  const { clock, spool, fail, queued, close } = await failing('');
  const id = await fail();
  const first = (await spool.failedOne(id))!.failedAt;
  const [report] = await queued();
  clock.now += 2 * HOUR;
  assert.equal(await spool.retry(id), 'done');
  await fail(id);
  const second = (await spool.failedOne(id))!.failedAt;
  const [again] = await queued();
  assert.ok(report?.includes(`Message-ID: <${reportIdOf(id, first)}@`));
  assert.ok(again?.includes(`Message-ID: <${reportIdOf(id, second)}@`));
  assert.notEqual(reportIdOf(id, first), reportIdOf(id, second));
  await close();
});

test('what failed within the hour is told to the postmaster when the hour is over, once', async () => {
  const { clock, reports, fail, queued, close } = await failing('post@example.com');
  for (let i = 0; i < 4; i++) await fail();
  assert.equal((await queued()).length, 1);
  await reports.tellCounts();
  assert.deepEqual(await queued(), [], 'the hour is not over');
  clock.now += HOUR;
  await reports.tellCounts();
  await reports.tellCounts();
  const digests = await queued();
  assert.equal(digests.length, 1);
  assert.match(digests[0]!, /^ {4}3 {2}a@example\.com\r$/m);
  await close();
});

test('without a postmaster the next report says how many there were', async () => {
  const { clock, reports, fail, queued, close } = await failing('');
  for (let i = 0; i < 4; i++) await fail();
  await queued();
  clock.now += HOUR;
  await reports.tellCounts();
  await fail();
  const [next] = await queued();
  assert.match(next ?? '', /^3 more such messages failed since the last report\.\r$/m);
  await close();
});
