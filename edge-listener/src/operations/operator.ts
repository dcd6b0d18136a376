// What a person can do with the mail in the spool, whether the edge runs or not.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import type { DeviceRecord } from '../inventory.ts';
import { spoolLayout } from '../spool/recovery.ts';
import type { FailedEntry, OperatorResult, QueuedEntry, Spool } from '../spool/spool.ts';

/** One message in a list, or a file with what a disk got wrong: its name instead of an id. Times are ISO 8601. */
export interface QueueItem {
  readonly id: string;
  readonly state: 'queued' | 'failed' | 'damaged';
  readonly bytes: number;
  readonly attempts: number;
  readonly queuedAt?: string;
  readonly due?: string;
  readonly failedAt?: string;
  readonly reason?: string;
}

export interface Operator {
  list(): Promise<QueueItem[]>;
  /** A message with its envelope; undefined when there is none. */
  show(id: string): Promise<(QueueItem & { envelope: Envelope }) | undefined>;
  /** The stored message; undefined when there is none. */
  export(id: string): Promise<Readable | undefined>;
  change(id: string, action: OperatorAction): Promise<OperatorResult>;
  devices(): Promise<DeviceRecord[]>;
  /** Why mail cannot be taken now; undefined when it can. */
  notReady(): Promise<string | undefined>;
  /** Whether the function app took over this message lately: since the edge started, and not many others since. */
  wasForwarded(id: string): Promise<boolean>;
}

/** What the operator's commands work on. */
export interface OperatorSource {
  readonly spool: Spool;
  /** Directory of the spool. */
  readonly directory: string;
  readonly devices: () => Promise<DeviceRecord[]>;
  readonly wasForwarded: (id: string) => boolean;
}

export const OPERATOR_ACTIONS = ['retry', 'hold', 'delete'] as const;
export type OperatorAction = (typeof OPERATOR_ACTIONS)[number];

/** The operator's commands over an open spool. */
export function createOperator({ spool, directory, devices, wasForwarded }: OperatorSource): Operator {
  async function list(): Promise<QueueItem[]> {
    const queued = [...spool.queued()].sort((a, b) => a.queuedAt - b.queuedAt).map(queuedItem);
    const failed = (await spool.failed()).map(failedItem);
    return [...queued, ...failed, ...(await damagedFiles(spoolLayout(directory).damaged))];
  }

  return {
    list,
    async show(id) {
      const message = await spool.find(id);
      if (!message) return undefined;
      await message.close();
      const queued = [...spool.queued()].find((entry) => entry.id === id);
      const failed = queued ? undefined : await spool.failedOne(id);
      const item = queued ? queuedItem(queued) : failed && failedItem(failed);
      return item && { ...item, envelope: message.envelope };
    },
    async export(id) {
      const message = await spool.find(id);
      if (!message) return undefined;
      const body = message.body();
      body.once('close', () => void message.close().catch(() => undefined)); // it was only read
      return body;
    },
    change(id, action) {
      if (action === 'retry') return spool.retry(id);
      if (action === 'hold') return spool.hold(id, 'Held by an operator.');
      return spool.remove(id);
    },
    devices,
    notReady: () => spool.roomProblem(0),
    wasForwarded: async (id) => wasForwarded(id),
  };
}

/** What was put aside because the disk got it wrong: nothing sends it, but nobody should have to find it by chance. */
async function damagedFiles(directory: string): Promise<QueueItem[]> {
  const items = (await readdir(directory)).map(async (name): Promise<QueueItem> => {
    const path = join(directory, name);
    const { size, mtime } = await stat(path);
    const reason = `damaged, never sent: ${path}`;
    return { id: name, state: 'damaged', bytes: size, attempts: 0, failedAt: mtime.toISOString(), reason };
  });
  return Promise.all(items);
}

function queuedItem({ id, bytes, attempts, queuedAt, due }: QueuedEntry): QueueItem {
  const time = (at: number) => new Date(at).toISOString();
  return { id, state: 'queued', bytes, attempts, queuedAt: time(queuedAt), due: time(due) };
}

function failedItem({ id, bytes, attempts, failedAt, code, reason }: FailedEntry): QueueItem {
  return { id, state: 'failed', bytes, attempts, failedAt, reason: `${code}: ${reason}` };
}
