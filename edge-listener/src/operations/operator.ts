// What a person can do with the mail in the spool, whether the edge runs or not.
import type { Readable } from 'node:stream';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import type { DeviceRecord } from '../inventory.ts';
import type { OperatorResult, Spool } from '../spool/spool.ts';

/** One message in a list. Times are ISO 8601. */
export interface QueueItem {
  readonly id: string;
  readonly state: 'queued' | 'failed';
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
}

export const OPERATOR_ACTIONS = ['retry', 'hold', 'delete'] as const;
export type OperatorAction = (typeof OPERATOR_ACTIONS)[number];

/** The operator's commands over an open spool. */
export function createOperator(spool: Spool, devices: () => Promise<DeviceRecord[]>): Operator {
  async function list(): Promise<QueueItem[]> {
    const time = (at: number) => new Date(at).toISOString();
    const queued = [...spool.queued()]
      .sort((a, b) => a.queuedAt - b.queuedAt)
      .map(({ id, bytes, attempts, queuedAt, due }): QueueItem => {
        return { id, state: 'queued', bytes, attempts, queuedAt: time(queuedAt), due: time(due) };
      });
    const failed = (await spool.failed()).map(({ id, bytes, attempts, failedAt, code, reason }): QueueItem => {
      return { id, state: 'failed', bytes, attempts, failedAt, reason: `${code}: ${reason}` };
    });
    return [...queued, ...failed];
  }

  return {
    list,
    async show(id) {
      const item = (await list()).find((one) => one.id === id);
      const message = item && (await spool.find(id));
      if (!item || !message) return undefined;
      await message.close();
      return { ...item, envelope: message.envelope };
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
  };
}
