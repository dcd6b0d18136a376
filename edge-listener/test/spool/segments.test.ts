// What only shared segments can get wrong.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDiskSpool } from '../../src/spool/diskSpool.ts';
import { SpoolLockedError } from '../../src/spool/spoolLock.ts';
import { temporaryDirectory } from '../support/runEdge.ts';
import { until } from '../support/until.ts';
import { put } from './spoolContract.ts';

const T0 = 1_800_000_000_000;
const now = () => T0;
const bodyOf = (n: number) => Buffer.from(`Subject: ${n}\r\n\r\n${'x'.repeat(n * 13)}\r\n`);

/** A directory with one segment of `count` messages; `build(bytes)` makes a spool with these bytes as the segment. */
async function segmentOf(count: number) {
  const { path, remove } = temporaryDirectory();
  const origin = join(path, 'origin');
  const spool = await openDiskSpool({ directory: origin, now });
  const ids = await Promise.all(Array.from({ length: count }, (_, n) => put(spool, bodyOf(n), T0 + n)));
  await spool.close();
  const queued = join(origin, 'queued');
  const names = readdirSync(queued).filter((name) => name.endsWith('.segment'));
  assert.equal(names.length, 1, 'all messages share one segment');
  const bytes = readFileSync(join(queued, names[0]!));
  let built = 0;
  const build = (content: Buffer) => {
    const directory = join(path, `built-${built++}`);
    mkdirSync(join(directory, 'queued'), { recursive: true });
    writeFileSync(join(directory, 'queued', names[0]!), content);
    return directory;
  };
  return { ids, bytes, build, remove };
}

/** Everything the spool would send. */
async function contents(directory: string): Promise<Map<string, string>> {
  const spool = await openDiskSpool({ directory, now });
  const found = new Map<string, string>();
  for (let entry = spool.take(T0 + 60_000); entry; entry = spool.take(T0 + 60_000)) {
    const message = await spool.open(entry);
    const chunks: Buffer[] = [];
    for await (const chunk of message.body()) chunks.push(chunk as Buffer);
    found.set(entry.id, Buffer.concat(chunks).toString());
    await message.close();
  }
  await spool.close();
  return found;
}

test('a segment cut off at any byte gives back every message before the cut, whole, and nothing else', async () => {
  const { ids, bytes, build, remove } = await segmentOf(4);
  for (let cut = 0; cut <= bytes.length; cut += 7) {
    const found = await contents(build(bytes.subarray(0, cut)));
    const whole = [...found.values()];
    assert.deepEqual(
      whole,
      ids.slice(0, whole.length).map((_, n) => bodyOf(n).toString()),
      `cut at ${cut}`,
    );
  }
  assert.equal((await contents(build(bytes))).size, 4);
  remove();
});

test('a damaged byte costs the one message it is in; that one is kept aside, never sent', async () => {
  const { ids, bytes, build, remove } = await segmentOf(4);
  const right = new Map(ids.map((id, n) => [id, bodyOf(n).toString()]));
  for (let at = 0; at < bytes.length; at += 11) {
    const copy = Buffer.from(bytes);
    copy[at]! ^= 0x20;
    const directory = build(copy);
    const found = await contents(directory);
    assert.ok(found.size >= 3, `damage at ${at} cost ${4 - found.size} messages`);
    for (const [id, body] of found) assert.equal(body, right.get(id), `damage at ${at}`);
    if (found.size === 3) assert.equal(readdirSync(join(directory, 'damaged')).length, 1);
  }
  remove();
});

test('zeros at the end of a segment, as a power cut leaves them, are not reported as damage', async () => {
  const { bytes, build, remove } = await segmentOf(3);
  const spool = await openDiskSpool({ directory: build(Buffer.concat([bytes, Buffer.alloc(5000)])), now });
  assert.deepEqual(spool.recovered, { queued: 3, failed: 0, swept: 0, damaged: 0 });
  await spool.close();
  remove();
});

test('the room of a segment comes back soon after its last message was forwarded', async () => {
  const { path, remove } = temporaryDirectory();
  const spool = await openDiskSpool({ directory: path, now });
  await put(spool, bodyOf(1), T0);
  await spool.settle(spool.take(T0)!, { kind: 'forwarded' });
  await until('the segment is deleted', () => readdirSync(join(path, 'queued')).length === 0);
  await put(spool, bodyOf(2), T0);
  assert.equal(spool.counts().queued, 1);
  await spool.close();
  remove();
});

test('a message that keeps failing does not keep the room of its whole segment', async () => {
  const { path, remove } = temporaryDirectory();
  const first = await openDiskSpool({ directory: path, now });
  for (let n = 0; n < 50; n++) await put(first, bodyOf(n), T0 + n);
  await first.close();
  const spool = await openDiskSpool({ directory: path, now });
  const stuck = spool.take(T0 + 60_000)!;
  for (let i = 0; i < 49; i++) await spool.settle(spool.take(T0 + 60_000)!, { kind: 'forwarded' });
  await spool.settle(stuck, { kind: 'retry', attempts: 1, due: T0 + 1000, firstTriedAt: T0 });
  assert.ok(!readdirSync(join(path, 'queued')).some((name) => name.endsWith('.segment')));
  await spool.close();
  const again = await openDiskSpool({ directory: path, now });
  const entry = again.take(T0 + 60_000)!;
  assert.deepEqual([entry.id, entry.attempts], [stuck.id, 1]);
  await (await again.open(entry)).close();
  await again.close();
  remove();
});

test('a second process is refused the spool, and a killed owner does not lock it for ever', async () => {
  const { path, remove } = temporaryDirectory();
  const spool = await openDiskSpool({ directory: path, now });
  await assert.rejects(openDiskSpool({ directory: path, now }), SpoolLockedError);
  await spool.close();
  assert.ok(!existsSync(join(path, 'control.sock')));
  const next = await openDiskSpool({ directory: path, now });
  await next.close();
  remove();
});

test('an operator can hold, retry and delete a message', async () => {
  const { path, remove } = temporaryDirectory();
  const spool = await openDiskSpool({ directory: path, now });
  const id = await put(spool, bodyOf(1), T0);
  const other = await put(spool, bodyOf(2), T0);
  assert.equal(await spool.hold(id, 'wrong printer'), 'done');
  assert.deepEqual(
    (await spool.failed()).map(({ id: failed, code, reason }) => [failed, code, reason]),
    [[id, 'held', 'wrong printer']],
  );
  assert.equal((await spool.find(id))?.bytes, bodyOf(1).length);
  assert.equal(await spool.retry(id), 'done');
  assert.equal(spool.counts().failed, 0);
  assert.equal(await spool.remove(other), 'done');
  assert.equal(spool.take(T0)?.id, id);
  assert.equal(await spool.remove(id), 'busy');
  assert.equal(await spool.remove('01900000-0000-7000-8000-000000000000'), 'unknown');
  assert.equal(await spool.retry('../../etc/passwd'), 'unknown');
  await spool.close();
  remove();
});

test('when the disk or the quota runs out it is said before the message is sent', async () => {
  const { path, remove } = temporaryDirectory();
  const quota = await openDiskSpool({ directory: join(path, 'a'), now, quotaBytes: 1000 });
  assert.equal(await quota.roomProblem(900), undefined);
  assert.match((await quota.roomProblem(1100)) ?? '', /quota/);
  await put(quota, bodyOf(40), T0);
  assert.match((await quota.roomProblem(900)) ?? '', /quota/);
  await quota.close();
  const disk = await openDiskSpool({ directory: join(path, 'b'), now, minFreeBytes: Number.MAX_SAFE_INTEGER });
  assert.match((await disk.roomProblem(0)) ?? '', /disk/);
  await disk.close();
  remove();
});
