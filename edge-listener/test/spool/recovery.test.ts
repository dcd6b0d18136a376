// What a start makes of what a kill or a power cut left.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newMessageId } from '../../../functions/contract/messageId.ts';
import { openDiskSpool } from '../../src/spool/diskSpool.ts';
import { SMALL_BYTES } from '../../src/spool/incomingMessage.ts';
import { encodeRecordStart, metaOf } from '../../src/spool/record.ts';
import { temporaryDirectory } from '../support/runEdge.ts';
import { envelopeFrom, put } from './spoolContract.ts';

const T0 = 1_800_000_000_000;
const now = () => T0;
const small = Buffer.from('Subject: small\r\n\r\nx\r\n');
const large = Buffer.alloc(SMALL_BYTES + 100_000, 'large ');
const refused = { kind: 'failed', attempts: 1, code: '413', reason: 'too large' } as const;

/** What is on the disk while the spool is open: what a kill leaves. */
function copyOf(directory: string, to: string): string {
  cpSync(directory, to, { recursive: true, filter: (source) => !source.endsWith('.sock') });
  return to;
}

async function atStart(directory: string) {
  const spool = await openDiskSpool({ directory, now });
  const { queued, failed, damaged } = spool.recovered;
  await spool.close();
  return { queued, failed, damaged };
}

test('an edge killed after everything was forwarded starts again', async () => {
  const { path, remove } = temporaryDirectory();
  const spool = await openDiskSpool({ directory: join(path, 'spool'), now });
  await put(spool, small, T0);
  await spool.settle(spool.take(T0)!, { kind: 'forwarded' });
  assert.equal(readdirSync(join(path, 'spool', 'queued')).length, 2, 'the segment and its notes are still there');
  const copy = copyOf(join(path, 'spool'), join(path, 'copy'));
  assert.deepEqual(await atStart(copy), { queued: 0, failed: 0, damaged: 0 });
  assert.deepEqual(readdirSync(join(copy, 'queued')), []);
  await spool.close();
  remove();
});

test('a message that is in failed is not queued as well, though the note that says so was lost', async () => {
  const { path, remove } = temporaryDirectory();
  const directory = join(path, 'spool');
  const spool = await openDiskSpool({ directory, now });
  for (const body of [small, large]) {
    const id = await put(spool, body, T0);
    const own = join(directory, 'queued', `${id}.mail`);
    if (existsSync(own)) copyFileSync(own, join(path, 'kept'));
    await spool.settle(spool.take(T0)!, refused);
    if (body === large) copyFileSync(join(path, 'kept'), own);
  }
  const copy = copyOf(directory, join(path, 'copy'));
  for (const name of readdirSync(join(copy, 'queued'))) if (name.endsWith('.state')) rmSync(join(copy, 'queued', name));
  assert.deepEqual(await atStart(copy), { queued: 0, failed: 2, damaged: 0 });
  assert.deepEqual(readdirSync(join(copy, 'queued')), [], 'nothing is left that a later start would find');
  await spool.close();
  remove();
});

test('a message that is in two places is one message', async () => {
  const { path, remove } = temporaryDirectory();
  const first = await openDiskSpool({ directory: path, now });
  for (let n = 0; n < 4; n++) await put(first, small, T0 + n);
  await first.close();
  const segment = readdirSync(join(path, 'queued')).find((name) => name.endsWith('.segment'))!;
  copyFileSync(join(path, 'queued', segment), join(path, 'queued', segment.replace('.segment', '9.segment')));
  const spool = await openDiskSpool({ directory: path, now });
  assert.equal(spool.counts().queued, 4);
  assert.equal(spool.counts().queuedBytes, 4 * small.length);
  const taken = new Set<string>();
  for (let entry = spool.take(T0 + 10); entry; entry = spool.take(T0 + 10)) {
    assert.ok(!taken.has(entry.id));
    taken.add(entry.id);
  }
  assert.equal(taken.size, 4);
  await spool.close();
  remove();
});

test('a hundred thousand waiting messages are found in less than 5 seconds of work', async (t) => {
  const { path, remove } = temporaryDirectory();
  mkdirSync(join(path, 'queued'));
  const sha256 = hash('sha256', small, 'base64');
  const envelope = { ...envelopeFrom(), receivedAt: new Date(T0).toISOString() };
  for (let segment = 0; segment < 5; segment++) {
    const records = Array.from({ length: 20_000 }, (_, n) => {
      const id = newMessageId(T0 + segment * 20_000 + n);
      return Buffer.concat([encodeRecordStart(metaOf(id, envelope, sha256), small.length), small]);
    });
    writeFileSync(join(path, 'queued', `${segment}.segment`), Buffer.concat(records));
  }
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const spool = await openDiskSpool({ directory: path, now });
  const { user, system } = process.cpuUsage(cpu);
  assert.equal(spool.recovered.queued, 100_000);
  t.diagnostic(`opened in ${Math.round(performance.now() - started)} ms`);
  assert.ok(user + system < 5_000_000, `${user + system} µs of the processor`);
  await spool.close();
  remove();
});
