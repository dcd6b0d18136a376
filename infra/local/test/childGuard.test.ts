// A supervisor that dies while its children start: none of them stays behind. What dies here is only the channel to it.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { childGuard } from '../guardedChild.ts';
import { lockAddress } from '../processLock.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

/** Runs on until it is stopped, and listens for nothing, as Azurite and the edge do at first. */
const PROGRAM = "console.log('running'); setInterval(() => {}, 1000)";
/** Loaded before the guard: says when the guard is next, and when the supervisor is gone. */
const WITNESS = "data:text/javascript,process.once('disconnect',()=>console.log('gone'));process.send('next')";
const WITHIN = { timeout: 20_000 };

const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
});

function startGuarded(directory: string, role: 'azurite' | 'edge') {
  const guard = childGuard(directory, role);
  const args = ['--import', WITNESS, ...guard.args, '--eval', PROGRAM];
  const env = { ...process.env, ...guard.env };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  children.push(child);
  let said = '';
  child.stdout!.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  return {
    child,
    said: () => said,
    async untilSaid(word: string) {
      while (!said.includes(word)) await once(child.stdout!, 'data');
    },
  };
}

for (const role of ['azurite', 'edge'] as const) {
  test(`the ${role} child does not start when its parent ended while it waited for the lock`, WITHIN, async () => {
    const { path, remove } = await temporaryDirectory();
    const predecessor = createServer().listen(lockAddress(path, role));
    await once(predecessor, 'listening');
    const { child, said, untilSaid } = startGuarded(path, role);
    await once(child, 'message');
    child.disconnect();
    await untilSaid('gone');
    predecessor.close();
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    assert.doesNotMatch(said(), /running/);
    await remove();
  });

  test(`the ${role} child ends when its parent ends before it listens for that`, WITHIN, async () => {
    const { path, remove } = await temporaryDirectory();
    const { child, untilSaid } = startGuarded(path, role);
    await untilSaid('running');
    child.disconnect();
    const began = Date.now();
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    assert.ok(Date.now() - began < 5000, `after ${Date.now() - began} ms`);
    await remove();
  });
}
