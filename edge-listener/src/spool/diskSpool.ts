// The spool on disk: what the spool promises, over files.
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createDueQueue } from './dueQueue.ts';
import { createSharedDirectorySync, syncDirectory } from './durable.ts';
import { beginOwnFile } from './ownFile.ts';
import {
  type FoundRecord,
  prepareDirectories,
  putAside,
  recoverOwnFile,
  spoolLayout,
  sweepIncoming,
} from './recovery.ts';
import type { QueuedEntry, Settlement, Spool } from './spool.ts';
import { createSpoolFile, type SpoolFile, statePathOf } from './spoolFile.ts';
import { openStoredMessage } from './storedMessage.ts';

/** What opening a spool found. */
export interface RecoveryReport {
  readonly queued: number;
  readonly failed: number;
  /** Half-received messages deleted. */
  readonly swept: number;
  /** Damaged files put aside. */
  readonly damaged: number;
}

export interface DiskSpool extends Spool {
  readonly recovered: RecoveryReport;
}

interface Entry extends QueuedEntry {
  due: number;
  attempts: number;
  firstTriedAt: number | undefined;
  readonly file: SpoolFile;
  readonly offset: number;
  readonly startLength: number;
}

/** After a restart nothing promised waits longer than this for its next attempt, in milliseconds. */
const RESTART_SPREAD_MS = 20_000;

export interface DiskSpoolOptions {
  readonly directory: string;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random?: () => number;
}

/** Opens the spool, making the directory if need be, and finds what was promised before. */
export async function openDiskSpool({ directory, now, random = Math.random }: DiskSpoolOptions): Promise<DiskSpool> {
  const layout = spoolLayout(directory);
  const syncQueued = createSharedDirectorySync(layout.queued);
  const queue = createDueQueue<Entry>();
  const entries = new Set<Entry>();
  const listeners: (() => void)[] = [];
  const underWay = new Set<Promise<unknown>>();
  let queuedBytes = 0;
  let failed = 0;

  function hold(entry: Entry): void {
    entries.add(entry);
    queuedBytes += entry.bytes;
    queue.add(entry);
  }

  function letGo(entry: Entry): void {
    entries.delete(entry);
    queuedBytes -= entry.bytes;
    entry.file.live--;
  }

  function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    const done = () => underWay.delete(work);
    work.then(done, done);
    return work;
  }

  function entryOf(found: FoundRecord, at: number): Entry {
    const due = Math.min(found.note?.due ?? at, at + random() * RESTART_SPREAD_MS);
    return {
      id: found.meta.id,
      bytes: found.bytes,
      sender: found.meta.envelope.from,
      queuedAt: Date.parse(found.meta.envelope.receivedAt) || at,
      due,
      attempts: found.note?.attempts ?? 0,
      firstTriedAt: found.note?.first,
      file: found.file,
      offset: found.offset,
      startLength: found.startLength,
    };
  }

  async function recover(): Promise<RecoveryReport> {
    await prepareDirectories(directory, layout);
    const swept = await sweepIncoming(layout);
    let damaged = 0;
    const names = (await readdir(layout.queued)).sort();
    const present = new Set(names);
    for (const name of names) {
      const path = join(layout.queued, name);
      if (name.endsWith('.mail')) {
        const found = await recoverOwnFile(path, layout);
        if (found) hold(entryOf(found, now()));
        else damaged++;
      } else if (name.endsWith('.state') && !present.has(name.slice(0, -'.state'.length))) await rm(path);
    }
    failed = (await readdir(layout.failed)).filter((name) => name.endsWith('.mail')).length;
    return { queued: entries.size, failed, swept, damaged };
  }

  async function settle(entry: Entry, settlement: Settlement): Promise<void> {
    if (settlement.kind === 'retry') {
      entry.attempts = settlement.attempts;
      entry.due = settlement.due;
      entry.firstTriedAt = settlement.firstTriedAt;
      queue.add(entry);
      await entry.file.note({
        at: entry.offset,
        attempts: entry.attempts,
        due: entry.due,
        first: settlement.firstTriedAt,
      });
      return;
    }
    if (settlement.kind === 'failed') await keepAsFailed(entry, settlement);
    letGo(entry);
    await entry.file.reclaim();
  }

  async function keepAsFailed(entry: Entry, { attempts, code, reason }: Settlement & { kind: 'failed' }) {
    const path = join(layout.failed, basename(entry.file.path));
    const why = { id: entry.id, attempts, code, reason, failedAt: new Date(now()).toISOString() };
    await writeFile(join(layout.failed, `${entry.id}.json`), `${JSON.stringify(why)}\n`, { mode: 0o600, flush: true });
    await rename(entry.file.path, path);
    await syncDirectory(layout.failed);
    await rm(statePathOf(entry.file.path), { force: true });
    failed++;
  }

  const recovered = await recover();
  return {
    recovered,
    async begin(id, envelope) {
      const file = await beginOwnFile(id, envelope, { ...layout, syncQueued });
      return {
        append: (chunk) => track(file.append(chunk)),
        abort: () => track(file.abort()),
        async commit(receivedAt) {
          const { path, startLength, bytes } = await track(file.commit(receivedAt));
          hold({
            id,
            bytes,
            sender: envelope.from,
            queuedAt: receivedAt,
            due: receivedAt,
            attempts: 0,
            firstTriedAt: undefined,
            file: createSpoolFile(path, 1, true),
            offset: 0,
            startLength,
          });
          for (const listener of listeners) listener();
        },
      };
    },
    take: (at) => queue.take(at),
    nextDue: () => queue.nextDue(),
    async open(entry) {
      const { id, file, offset, startLength, bytes } = entry as Entry;
      try {
        return await openStoredMessage({ id, path: file.path, offset, startLength, bytes });
      } catch (error) {
        if ((error as Error).name === 'DamagedMessageError') {
          await putAside(file.path, layout);
          letGo(entry as Entry);
        }
        throw error;
      }
    },
    settle: (entry, settlement) => track(settle(entry as Entry, settlement)),
    onQueued: (listener) => void listeners.push(listener),
    counts() {
      let oldest: number | undefined;
      for (const entry of entries) if (oldest === undefined || entry.queuedAt < oldest) oldest = entry.queuedAt;
      return { queued: entries.size, queuedBytes, failed, oldestQueuedAt: oldest };
    },
    async close() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}
