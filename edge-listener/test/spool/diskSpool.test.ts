import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDiskSpool } from '../../src/spool/diskSpool.ts';
import { SMALL_BYTES } from '../../src/spool/incomingMessage.ts';
import { DamagedMessageError } from '../../src/spool/spool.ts';
import { temporaryDirectory } from '../support/runEdge.ts';
import { put, testSpoolContract } from './spoolContract.ts';

testSpoolContract('spool on disk', (directory, now) => openDiskSpool({ directory, now }));

const now = () => 1_800_000_000_000;
const large = Buffer.alloc(SMALL_BYTES + 100_000, 'large ');

/** Every file below `directory`. */
function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('a message whose bytes changed on disk is put aside and never sent', async () => {
  const { path, remove } = temporaryDirectory();
  const first = await openDiskSpool({ directory: path, now });
  await put(first, large, now());
  await first.close();
  const file = files(join(path, 'queued'))[0]!;
  const bytes = readFileSync(file);
  bytes[bytes.length - 100]! ^= 1;
  writeFileSync(file, bytes);
  const spool = await openDiskSpool({ directory: path, now });
  const entry = spool.take(now() + 60_000)!;
  await assert.rejects(spool.open(entry), DamagedMessageError);
  assert.equal(spool.counts().queued, 0);
  assert.equal(files(join(path, 'damaged')).length, 1);
  await spool.close();
  remove();
});

test('a message file that lost its end is put aside at the start', async () => {
  const { path, remove } = temporaryDirectory();
  const first = await openDiskSpool({ directory: path, now });
  await put(first, large, now());
  await first.close();
  truncateSync(files(join(path, 'queued'))[0]!, 1000);
  const spool = await openDiskSpool({ directory: path, now });
  assert.equal(spool.recovered.damaged, 1);
  assert.equal(spool.counts().queued, 0);
  await spool.close();
  remove();
});

test('nobody but the edge can read the mail', async () => {
  const { path, remove } = temporaryDirectory();
  const spool = await openDiskSpool({ directory: join(path, 'spool'), now });
  await put(spool, Buffer.from('secret'), now());
  await put(spool, large, now());
  for (const file of files(path)) assert.equal(statSync(file).mode & 0o077, 0, file);
  assert.equal(statSync(join(path, 'spool')).mode & 0o077, 0);
  await spool.close();
  remove();
});
