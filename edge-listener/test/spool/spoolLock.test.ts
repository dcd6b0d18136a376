import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockAddress, lockSpool, SpoolLockedError } from '../../src/spool/spoolLock.ts';
import { temporaryDirectory } from '../support/runEdge.ts';

/** Leaves the socket of an edge that was killed. */
function leaveSocket(directory: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(lockAddress(directory))}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  assert.ok(existsSync(lockAddress(directory)));
}

test('a spool reached by another name is the same spool', async () => {
  const { path, remove } = temporaryDirectory();
  for (const name of ['short', 'a-name-too-long-for-a-socket'.repeat(5)]) {
    const directory = join(path, name);
    mkdirSync(directory);
    symlinkSync(directory, join(path, 'link'));
    const lock = await lockSpool(directory);
    await assert.rejects(lockSpool(join(path, 'link')), SpoolLockedError);
    await lock.release();
    spawnSync('rm', [join(path, 'link')]);
  }
  assert.match(lockAddress(join(path, 'not there')), /control\.sock$/);
  remove();
});

test('a take-over that was not finished blocks the next one for seconds only, wherever the clock went', async () => {
  const { path, remove } = temporaryDirectory();
  const marker = join(path, 'takeover');
  for (const hours of [-1, 1]) {
    leaveSocket(path);
    writeFileSync(marker, '');
    await assert.rejects(lockSpool(path), SpoolLockedError);
    const at = Date.now() / 1000 + hours * 3600;
    utimesSync(marker, at, at);
    await (await lockSpool(path)).release();
    assert.ok(!existsSync(marker));
  }
  remove();
});
