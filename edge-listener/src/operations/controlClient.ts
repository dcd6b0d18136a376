// Reaches the operator of a running edge, or opens its spool when none runs.
import { existsSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { readInventory } from '../inventory.ts';
import { openDiskSpool } from '../spool/diskSpool.ts';
import type { OperatorResult } from '../spool/spool.ts';
import { answers, lockAddress } from '../spool/spoolLock.ts';
import { createOperator, type Operator } from './operator.ts';

export interface ReachedOperator {
  readonly operator: Operator;
  close(): Promise<void>;
}

/** The operator of the edge that owns `directory`. Throws when there is no spool there. */
export async function reachOperator(directory: string): Promise<ReachedOperator> {
  if (!existsSync(directory)) throw new Error(`There is no spool at ${directory}; has the edge run yet?`);
  const address = lockAddress(directory);
  if (await answers(address)) return { operator: remoteOperator(address), close: async () => undefined };
  const spool = await openDiskSpool({ directory, now: Date.now });
  const operator = createOperator(spool, () => readInventory(join(directory, 'devices.json')));
  return { operator, close: () => spool.close() };
}

function remoteOperator(socketPath: string): Operator {
  function call(method: 'GET' | 'POST', path: string): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = http.request({ socketPath, method, path }, resolve);
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
  };
}
