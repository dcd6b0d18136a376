import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { lockAddress, takeLock, waitForLock } from '../processLock.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

test('a lock has one holder, and is free again when that process is killed', async () => {
  const { path, remove } = await temporaryDirectory();
  const address = lockAddress(path, 'test');
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `const { lockAddress, takeLock } = await import(${JSON.stringify(new URL('../processLock.ts', import.meta.url).href)});
       console.log(await takeLock(lockAddress(${JSON.stringify(path)}, 'test')));
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [said] = await once(holder.stdout, 'data');
  assert.equal(String(said), 'true\n');
  assert.equal(await takeLock(address), false);
  assert.equal(await takeLock(lockAddress(path, 'another')), true);
  const waited = waitForLock(address, 10_000);
  holder.kill('SIGKILL');
  assert.equal(await waited, true);
  await remove();
});
