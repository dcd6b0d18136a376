// A large message posted as it is made, at a given speed, and what the function worker's memory grew by meanwhile.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { newMessageId } from '../../contract/messageId.ts';
import { aMessage, edgeHeaders } from './requests.ts';
import type { RunningRelay } from './runningRelay.ts';

const BLOCK = Buffer.from(`${'x'.repeat(998)}\r\n`.repeat(65));

/**
 * Uploads `bytes` to a relay with one worker, which must take them; returns by how many MB the worker's memory was at most
 * larger than before.
 * @param bytesPerSecond as fast as the relay takes them, when it is left out
 */
export async function growthOfWorker(relay: RunningRelay, bytes: number, bytesPerSecond = Infinity): Promise<number> {
  const [worker] = await relay.workers();
  const id = newMessageId();
  // Paused, or what the delivery of so large a mail takes would be measured too.
  await relay.store.setPaused(true);
  const before = await memory(worker!, 'VmRSS');
  // Forgets the peak that the start made (proc(5), clear_refs).
  await writeFile(`/proc/${worker}/clear_refs`, '5');
  const headers = edgeHeaders(Buffer.alloc(0), { 'content-digest': undefined });
  const put = {
    method: 'PUT',
    headers,
    body: ReadableStream.from(message(bytes, bytesPerSecond)),
    duplex: 'half',
    signal: AbortSignal.timeout(60_000 + (bytes / bytesPerSecond) * 1000),
  };
  assert.equal((await fetch(`${relay.url}/api/messages/${id}`, put as RequestInit)).status, 202);
  const most = await memory(worker!, 'VmHWM');
  assert.equal((await relay.store.readState({ caller: 'local', id }))?.record.size, bytes);
  return most - before;
}

async function* message(bytes: number, bytesPerSecond: number): AsyncGenerator<Uint8Array> {
  const head = aMessage({ body: '' });
  const began = Date.now();
  yield head;
  for (let sent = head.length; sent < bytes; sent += BLOCK.length) {
    const due = began + (sent / bytesPerSecond) * 1000;
    if (due > Date.now()) await sleep(due - Date.now());
    yield BLOCK.subarray(0, bytes - sent);
  }
}

/** In MB. */
async function memory(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)![1]) * 1024) / 1_000_000;
}
