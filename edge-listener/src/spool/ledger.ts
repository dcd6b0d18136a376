// What waits, in memory: every queued message, which of them goes next, and how much they are.
import { createDueQueue } from './dueQueue.ts';
import type { QueuedEntry, SpoolCounts } from './spool.ts';
import type { SpoolFile } from './spoolFile.ts';
import type { RecordPlace } from './storedMessage.ts';

/** A queued message and where it lies. */
export interface Entry extends QueuedEntry {
  due: number;
  attempts: number;
  firstTriedAt: number | undefined;
  /** Whether somebody has it: the forwarder or an operator's command. It is not in line then. */
  taken: boolean;
  file: SpoolFile;
  offset: number;
  readonly startLength: number;
}

/** An empty ledger. */
export function createLedger() {
  const entries = new Map<string, Entry>();
  const queue = createDueQueue<Entry>();
  let queuedBytes = 0;

  return {
    /** How many messages are kept as failed. */
    failed: 0,
    add(entry: Entry): void {
      entries.set(entry.id, entry);
      queuedBytes += entry.bytes;
      queue.add(entry);
    },
    get: (id: string) => entries.get(id),
    all: () => entries.values(),
    nextDue: () => queue.nextDue(),
    /** The entry that has been due for longest, now taken. */
    take(now: number): Entry | undefined {
      const entry = queue.take(now);
      if (entry) entry.taken = true;
      return entry;
    },
    /** Takes an entry out of line for an operator. */
    claim(id: string): Entry | 'unknown' | 'busy' {
      const entry = entries.get(id);
      if (!entry) return 'unknown';
      if (entry.taken) return 'busy';
      entry.taken = true;
      queue.remove(entry);
      return entry;
    },
    /** Puts a taken entry back in line; nothing when it was dropped meanwhile. */
    putBack(entry: Entry, due: number): void {
      if (entries.get(entry.id) !== entry) return;
      entry.taken = false;
      entry.due = due;
      queue.add(entry);
    },
    /** Forgets a taken entry: something else is in charge of the mail now, or nothing has to be. */
    drop(entry: Entry): void {
      if (entries.get(entry.id) !== entry) return;
      entries.delete(entry.id);
      queuedBytes -= entry.bytes;
    },
    get queuedBytes() {
      return queuedBytes;
    },
    counts(): SpoolCounts {
      let oldest: number | undefined;
      for (const { queuedAt } of entries.values()) if (oldest === undefined || queuedAt < oldest) oldest = queuedAt;
      return { queued: entries.size, queuedBytes, failed: this.failed, oldestQueuedAt: oldest };
    },
  };
}

export type Ledger = ReturnType<typeof createLedger>;

/** Where the record of an entry lies. */
export function placeOf({ id, file, offset, startLength, bytes }: Entry): RecordPlace {
  return { id, path: file.path, offset, startLength, bytes };
}
