// The message store and the queues in memory, for tests of what is built on them: same contract as the real ones.
import { Readable } from 'node:stream';
import type { DeliveryQueueName, DeliveryQueues } from '../../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { MessageKey, MessageStore } from '../../storage/messageStore.ts';
import type { WakeUp } from '../../storage/wakeUp.ts';

const nameOf = ({ caller, id }: MessageKey) => `${caller}/${id}`;

export interface MemoryStore extends MessageStore {
  readonly bodies: Map<string, { bytes: Buffer; sha256: string; createdAt: Date }>;
  readonly states: Map<string, { record: MessageStateRecord; etag: string }>;
}

export function createMemoryStore(): MemoryStore {
  const bodies: MemoryStore['bodies'] = new Map();
  const states: MemoryStore['states'] = new Map();
  const changedAt = new Map<string, Date>();
  const marks = new Map<string, string>();
  let version = 0;
  let paused = false;
  return {
    bodies,
    states,
    newBody(key) {
      const chunks: Uint8Array[] = [];
      return {
        async write(chunk) {
          chunks.push(Uint8Array.from(chunk));
        },
        async commit(sha256) {
          if (bodies.has(nameOf(key))) return false;
          bodies.set(nameOf(key), { bytes: Buffer.concat(chunks), sha256, createdAt: new Date() });
          return true;
        },
      };
    },
    async openBody(key) {
      const body = bodies.get(nameOf(key));
      return body && Readable.from([body.bytes]);
    },
    bodyDigest: async (key) => bodies.get(nameOf(key))?.sha256,
    describeBody: async (key) => bodies.get(nameOf(key)),
    deleteBody: async (key) => void bodies.delete(nameOf(key)),
    async *listBodies() {
      for (const [name, { bytes, createdAt }] of bodies) {
        const [caller, id] = name.split('/') as [string, string];
        yield { caller, id, size: bytes.length, createdAt };
      }
    },
    async *listStates() {
      for (const [name, { record }] of [...states])
        yield {
          caller: record.caller,
          id: record.id,
          state: record.state,
          changedAt: changedAt.get(name) ?? new Date(),
        };
    },
    isPaused: async () => paused,
    async setPaused(value) {
      paused = value;
    },
    renewPause: async () => paused,
    readState: async (key) => structuredClone(states.get(nameOf(key))),
    async createState(record) {
      if (states.has(nameOf(record))) return false;
      states.set(nameOf(record), { record: structuredClone(record), etag: `"${++version}"` });
      changedAt.set(nameOf(record), new Date());
      return true;
    },
    async markOnce(mark, value) {
      if (!marks.has(mark)) marks.set(mark, value);
      return marks.get(mark)!;
    },
    async replaceState(record, etag) {
      if (states.get(nameOf(record))?.etag !== etag) return undefined;
      const next = { record: structuredClone(record), etag: `"${++version}"` };
      states.set(nameOf(record), next);
      changedAt.set(nameOf(record), new Date());
      return structuredClone(next);
    },
  };
}

export interface MemoryQueues extends DeliveryQueues {
  readonly sent: { queue: DeliveryQueueName; wakeUp: WakeUp; delayMs: number }[];
}

export function createMemoryQueues(): MemoryQueues {
  const sent: MemoryQueues['sent'] = [];
  return {
    sent,
    async wakeUp(queue, wakeUp, delayMs) {
      sent.push({ queue, wakeUp, delayMs });
    },
    length: async (queue) => sent.filter((message) => message.queue === queue).length,
  };
}
