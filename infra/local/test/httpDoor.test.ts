import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openHttpDoor } from '../httpDoor.ts';
import { eventually } from './harness/eventually.ts';

const WORKER = fileURLToPath(new URL('fixtures/connectionWorker.mjs', import.meta.url));

async function startWorker(): Promise<ChildProcess> {
  const worker = fork(WORKER);
  await once(worker, 'message');
  return worker;
}

async function servedBy(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(10_000),
  });
  return Number(await answer.text());
}

test('connections go to the live workers in turn, and wait while there is none', async () => {
  const workers: ChildProcess[] = [];
  const door = await openHttpDoor(0, () => workers);
  const early = servedBy(door.port);
  const first = await startWorker();
  workers.push(first);
  door.handOver();
  assert.equal(await early, first.pid);

  const second = await startWorker();
  workers.push(second);
  const served = new Set([await servedBy(door.port), await servedBy(door.port)]);
  assert.deepEqual(served, new Set([first.pid, second.pid]));

  first.kill('SIGKILL');
  await once(first, 'exit');
  workers.shift();
  assert.equal(await servedBy(door.port), second.pid);
  assert.equal(await servedBy(door.port), second.pid);

  door.close();
  second.kill();
  await assert.rejects(servedBy(door.port));
});

test('connections on their way to a worker that is killed are served by another', async () => {
  const first = await startWorker();
  const workers = [first];
  let taken = 0;
  const door = await openHttpDoor(0, () => {
    taken++;
    return workers;
  });
  // A stopped process takes nothing from its channel, so all of these are still on their way when it dies.
  first.kill('SIGSTOP');
  const requests = Array.from({ length: 5 }, () => servedBy(door.port));
  await eventually('the door has taken them', () => taken === requests.length);
  const second = await startWorker();
  workers.push(second);
  first.kill('SIGKILL');
  await once(first, 'exit');
  workers.shift();
  door.handOver();
  assert.deepEqual(new Set(await Promise.all(requests)), new Set([second.pid]));
  door.close();
  second.kill();
});
