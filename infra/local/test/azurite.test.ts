import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { eventually } from './harness/eventually.ts';
import { eventuallyGone } from './harness/processes.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

const PARENT = fileURLToPath(new URL('fixtures/azuriteParent.ts', import.meta.url));
const WRITERS = 8;

const parents: ChildProcess[] = [];
after(() => {
  for (const parent of parents) parent.kill('SIGKILL');
});

async function startUnderParent(data: string) {
  const parent = spawn(process.execPath, [PARENT, data], { stdio: ['ignore', 'pipe', 'inherit'] });
  parents.push(parent);
  const [line] = await once(parent.stdout, 'data');
  const { storage, pid } = JSON.parse(String(line)) as { storage: string; pid: number };
  const retryOptions = { maxTries: 1 };
  return {
    parent,
    pid,
    mail: BlobServiceClient.fromConnectionString(storage, { retryOptions }).getContainerClient('mail'),
    queue: QueueServiceClient.fromConnectionString(storage, { retryOptions }).getQueueClient('deliveries'),
  };
}

async function kill(parent: ChildProcess, pid: number): Promise<void> {
  parent.kill('SIGKILL');
  await eventuallyGone([pid], 20_000);
}

test('Azurite ends when its parent is killed, and holds all that it answered', async () => {
  const { path, remove } = await temporaryDirectory();
  const first = await startUnderParent(path);
  await first.mail.create();
  await first.queue.create();
  const blobs: string[] = [];
  const messages: string[] = [];
  let dead = false;
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let n = 0; !dead; n++) {
      const name = `${writer}-${n}`;
      await first.mail.getBlockBlobClient(name).upload(name, name.length);
      blobs.push(name);
      await first.queue.sendMessage(name);
      messages.push(name);
    }
  });
  await eventually('some are written', () => messages.length > 100);
  const killed = kill(first.parent, first.pid);
  // Each writer ends with the first answer that does not come.
  const endings = await Promise.allSettled(writers);
  dead = true;
  assert.ok(endings.every(({ status }) => status === 'rejected'));
  await killed;

  const second = await startUnderParent(path);
  const kept = new Set<string>();
  for await (const blob of second.mail.listBlobsFlat()) kept.add(blob.name);
  assert.deepEqual(
    blobs.filter((name) => !kept.has(name)),
    [],
  );
  const { approximateMessagesCount = 0 } = await second.queue.getProperties();
  assert.ok(approximateMessagesCount >= messages.length, `${approximateMessagesCount} of ${messages.length} messages`);
  await kill(second.parent, second.pid);
  await remove();
});

test('a second Azurite waits for the first to have written its files', async () => {
  const { path, remove } = await temporaryDirectory();
  const first = await startUnderParent(path);
  await first.queue.create();
  const second = startUnderParent(path);
  await Promise.race([second, new Promise((resolve) => setTimeout(resolve, 1500))]).then((started) =>
    assert.equal(started, undefined),
  );
  await kill(first.parent, first.pid);
  const { parent, pid, queue } = await second;
  assert.equal(await queue.exists(), true);
  await kill(parent, pid);
  await remove();
});
