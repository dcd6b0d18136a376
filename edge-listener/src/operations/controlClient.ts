// Reaches the operator of a running edge, or opens its spool when none runs.
import { stat } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { readInventory } from '../inventory.ts';
import { openDiskSpool } from '../spool/diskSpool.ts';
import type { OperatorResult } from '../spool/spool.ts';
import { answers, lockAddress } from '../spool/spoolLock.ts';
import { createControlServer } from './controlServer.ts';
import { createOperator, type Operator } from './operator.ts';

/** Longest silence of the running edge, in milliseconds. */
const ANSWER_MS = 30_000;

export interface ReachedOperator {
  readonly operator: Operator;
  close(): Promise<void>;
}

/** The operator of the edge that runs with the spool in `directory`; undefined when none runs. */
export async function reachRunning(directory: string, answerMs = ANSWER_MS): Promise<Operator | undefined> {
  const address = lockAddress(directory);
  return (await answers(address)) ? remoteOperator(address, answerMs) : undefined;
}

/** The operator of the edge that owns `directory`. Throws with a sentence when there is no spool there. */
export async function reachOperator(directory: string): Promise<ReachedOperator> {
  const running = await reachRunning(directory);
  if (running) return { operator: running, close: async () => undefined };
  const place = await placeOf(directory);
  const control = createControlServer(); // whoever asks in the meantime gets an answer, too
  const spool = await openDiskSpool({ directory: place, now: Date.now, onLocked: control.attach });
  const devices = () => readInventory(join(place, 'devices.json'));
  const operator = createOperator({ spool, directory: place, devices, wasForwarded: () => false });
  return { operator, close: () => spool.close() };
}

/**
 * Where this process may open the spool. Root becomes the owner of the directory first: files of root in it would keep
 * the edge from starting. The way to the directory may be closed to its owner (systemd keeps it below a directory of
 * root), so it is entered before.
 */
async function placeOf(directory: string): Promise<string> {
  const found = await stat(join(directory, 'queued')).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    if (found.code === 'EACCES')
      throw new Error(`This user may not look into ${directory}: be root, or the user that the edge runs as.`);
    throw new Error(`There is no spool at ${directory}: no edge has run with this configuration yet.`);
  }
  const { uid, gid } = await stat(directory);
  if (process.getuid?.() !== 0 || uid === 0) return directory;
  if (!lockAddress(directory).startsWith(directory))
    throw new Error(`The path ${directory} is too long for root to open it: be the user that the edge runs as.`);
  process.chdir(directory);
  process.setgroups!([]);
  process.setgid!(gid);
  process.setuid!(uid);
  return '.';
}

function remoteOperator(socketPath: string, answerMs: number): Operator {
  function call(method: 'GET' | 'POST', path: string): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = http.request({ socketPath, method, path }, resolve);
      request.setTimeout(answerMs, () =>
        request.destroy(new Error(`The running edge did not answer within ${answerMs / 1000} s.`)),
      );
      request.on('error', reject);
      request.end();
    });
  }

  async function read<T>(method: 'GET' | 'POST', path: string): Promise<T | undefined> {
    const response = await call(method, path);
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    if (response.statusCode === 404) return undefined;
    if (response.statusCode !== 200) throw new Error(`The running edge answered: ${text}`);
    return JSON.parse(text) as T;
  }

  const at = (id: string) => `/queue/${encodeURIComponent(id)}`;
  return {
    list: async () => (await read('GET', '/queue')) ?? [],
    show: (id) => read('GET', at(id)),
    async export(id): Promise<Readable | undefined> {
      const response = await call('GET', `${at(id)}/message`);
      if (response.statusCode === 200) return response;
      response.resume();
      return undefined;
    },
    async change(id, action) {
      const answer = await read<{ result: OperatorResult }>('POST', `${at(id)}/${action}`);
      return answer?.result ?? 'unknown';
    },
    devices: async () => (await read('GET', '/devices')) ?? [],
    async notReady() {
      const answer = await read<{ problem: string | null }>('GET', '/ready');
      return answer
        ? (answer.problem ?? undefined)
        : 'the running edge is of a version that does not know this question';
    },
    wasForwarded: async (id) => (await read('GET', `/forwarded/${encodeURIComponent(id)}`)) ?? false,
  };
}
