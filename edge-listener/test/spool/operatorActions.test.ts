// A person's commands, at the worst moments.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type DiskSpool, openDiskSpool } from '../../src/spool/diskSpool.ts';
import { SMALL_BYTES } from '../../src/spool/incomingMessage.ts';
import { temporaryDirectory } from '../support/runEdge.ts';
import { put } from './spoolContract.ts';

const T0 = 1_800_000_000_000;
const now = () => T0;
const bodies = {
  'a small message': Buffer.from('Subject: x\r\n\r\nx\r\n'),
  'a large message': Buffer.alloc(SMALL_BYTES + 100_000, 'x'),
};
const refused = { kind: 'failed', attempts: 1, code: '413', reason: 'too large' } as const;

for (const [what, body] of Object.entries(bodies)) {
  const it = (name: string, work: (spool: DiskSpool, id: string, directory: string) => Promise<void>) =>
    test(`${what} ${name}`, async () => {
      const { path, remove } = temporaryDirectory();
      const spool = await openDiskSpool({ directory: path, now });
      const id = await put(spool, body, T0);
      await work(spool, id, path);
      await spool.close();
      remove();
    });

  it('that is retried in the very moment it fails is not lost', async (spool, id) => {
    const settled = spool.settle(spool.take(T0)!, refused);
    const answers = new Set<string>();
    for (let answer = ''; answer !== 'done'; ) {
      answer = await spool.retry(id);
      answers.add(answer);
      await setImmediate();
    }
    await settled;
    assert.deepEqual([...answers], ['busy', 'done']);
    const entry = spool.take(T0)!;
    assert.equal(entry.id, id);
    await (await spool.open(entry)).close();
    assert.equal(spool.counts().failed, 0);
  });

  it('that fails again in the very moment it is retried is not lost', async (spool, id) => {
    await spool.settle(spool.take(T0)!, refused);
    let settled: Promise<void> | undefined;
    spool.onQueued(() => {
      settled ??= spool.settle(spool.take(T0)!, { ...refused, reason: 'still too large' });
    });
    assert.equal(await spool.retry(id), 'done');
    await settled;
    assert.equal((await spool.failedOne(id))?.reason, 'still too large');
    const message = await spool.find(id);
    assert.equal(message?.bytes, body.length);
    await message.close();
  });

  it('that is held and retried at once obeys one of the two', async (spool, id) => {
    const answers = await Promise.all([spool.hold(id, 'wait'), spool.retry(id)]);
    assert.deepEqual(answers.toSorted(), ['busy', 'done']);
    assert.equal(spool.take(T0), undefined, 'it is held');
    assert.deepEqual([spool.counts().queued, spool.counts().failed], [0, 1]);
    const again = await Promise.all([spool.retry(id), spool.retry(id), spool.remove(id)]);
    assert.deepEqual(again, ['done', 'busy', 'busy']);
    assert.equal(spool.take(T0)?.id, id);
  });

  it('that cannot be held stays in line', async (spool, id, directory) => {
    rmSync(join(directory, 'failed'), { recursive: true });
    writeFileSync(join(directory, 'failed'), '');
    await assert.rejects(spool.hold(id, 'wait'));
    assert.equal(spool.take(T0)?.id, id);
  });

  it('that cannot be put aside is tried again', async (spool, id, directory) => {
    rmSync(join(directory, 'failed'), { recursive: true });
    writeFileSync(join(directory, 'failed'), '');
    await assert.rejects(spool.settle(spool.take(T0)!, refused));
    assert.equal(spool.take(T0), undefined);
    assert.equal(spool.take(T0 + 3_600_000)?.id, id);
  });

  it('that was put aside is out of line, though its place could not be cleared', async (spool, id, directory) => {
    for (const name of readdirSync(join(directory, 'queued'))) mkdirSync(join(directory, 'queued', `${name}.state`));
    await assert.rejects(spool.settle(spool.take(T0)!, refused));
    assert.equal(spool.take(T0 + 1e9), undefined);
    assert.deepEqual([spool.counts().queued, spool.counts().failed], [0, 1]);
    assert.ok(existsSync(join(directory, 'failed', `${id}.mail`)));
  });
}

test('only what waits is made due by expedite, and it is told once', async () => {
  const { path, remove } = temporaryDirectory();
  const spool = await openDiskSpool({ directory: path, now });
  const [held, taken, ...waiting] = await Promise.all(
    Array.from({ length: 5 }, (_, n) => put(spool, Buffer.from('x'), T0 - n)),
  );
  await spool.hold(held!, 'wait');
  const entries = Array.from({ length: 4 }, () => spool.take(T0)!);
  for (const entry of entries)
    if (entry.id !== taken) await spool.settle(entry, { kind: 'retry', attempts: 1, due: T0 + 1e6, firstTriedAt: T0 });
  let told = 0;
  spool.onQueued(() => told++);
  assert.equal(spool.take(T0), undefined);
  spool.expedite([held!, taken!, ...waiting, 'unknown']);
  assert.equal(told, 1);
  const due = [];
  for (let entry = spool.take(T0); entry; entry = spool.take(T0)) due.push(entry.id);
  assert.deepEqual(due, waiting);
  await spool.close();
  remove();
});

test('what failed long ago is swept, what failed while the clock was not set is not', async () => {
  const { path, remove } = temporaryDirectory();
  const clock = { now: T0 };
  const spool = await openDiskSpool({ directory: path, now, wall: () => clock.now });
  const ids = [];
  for (const failedAt of [T0 - 10_000, 86_400_000, T0]) {
    clock.now = failedAt;
    ids.push(await put(spool, Buffer.from('x'), T0));
    await spool.settle(spool.take(T0)!, refused);
  }
  assert.deepEqual(await spool.sweepFailed(T0), [ids[0]]);
  assert.deepEqual((await spool.failed()).map(({ id }) => id).toSorted(), ids.slice(1).toSorted());
  assert.equal(await spool.failedOne(ids[0]!), undefined);
  assert.equal((await spool.failedOne(ids[2]!))?.reason, 'too large');
  assert.equal(spool.counts().failed, 2);
  await spool.close();
  remove();
});
