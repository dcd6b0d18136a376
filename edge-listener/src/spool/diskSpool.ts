// The spool on disk: what the spool promises, over segments for small mail and files of their own for large.
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMessageId } from '../../../functions/contract/messageId.ts';
import { createDueQueue } from './dueQueue.ts';
import { createSharedDirectorySync } from './durable.ts';
import { deleteFailed, extractRecord, failedPath, keepFailed, listFailed } from './failedMail.ts';
import { createReceiver } from './incomingMessage.ts';
import {
  createSegmentReader,
  type FoundRecord,
  prepareDirectories,
  recoverOwnFile,
  spoolLayout,
  sweepIncoming,
} from './recovery.ts';
import { createRoomCheck } from './room.ts';
import { createSegmentWriter, type SegmentPlace } from './segmentWriter.ts';
import { DamagedMessageError, type QueuedEntry, type Settlement, type Spool } from './spool.ts';
import { createSpoolFile, type SpoolFile } from './spoolFile.ts';
import { lockSpool, type SpoolLock } from './spoolLock.ts';
import { openStoredMessage, type RecordPlace } from './storedMessage.ts';

/** What opening a spool found. */
export interface RecoveryReport {
  readonly queued: number;
  readonly failed: number;
  /** Half-received messages deleted. */
  readonly swept: number;
  /** Damaged files or stretches put aside. */
  readonly damaged: number;
}

export interface DiskSpool extends Spool {
  readonly recovered: RecoveryReport;
  readonly lock: SpoolLock;
}

interface Entry extends QueuedEntry {
  due: number;
  attempts: number;
  firstTriedAt: number | undefined;
  taken: boolean;
  file: SpoolFile;
  offset: number;
  readonly startLength: number;
}

/** A sealed segment with so few messages left is given up at their next retry. */
const FEW_LEFT = 3;

/** A failed message that could not be put aside is tried again after this, in milliseconds. */
const TRY_ASIDE_AGAIN_MS = 10 * 60_000;

/** After a restart nothing promised waits longer than this for its next attempt, in milliseconds. */
const RESTART_SPREAD_MS = 20_000;

export interface DiskSpoolOptions {
  readonly directory: string;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random?: () => number;
  readonly minFreeBytes?: number;
  readonly quotaBytes?: number;
}

/**
 * Opens the spool, making the directory if need be, and finds what was promised before.
 * Throws `SpoolLockedError` when another process has it.
 */
export async function openDiskSpool(options: DiskSpoolOptions): Promise<DiskSpool> {
  const { directory, now, random = Math.random, minFreeBytes = 0, quotaBytes = 0 } = options;
  const layout = spoolLayout(directory);
  await prepareDirectories(directory, layout);
  const lock = await lockSpool(directory);
  const syncQueued = createSharedDirectorySync(layout.queued);
  const queue = createDueQueue<Entry>();
  const entries = new Map<string, Entry>();
  const listeners: (() => void)[] = [];
  const underWay = new Set<Promise<unknown>>();
  let queuedBytes = 0;
  let failed = 0;

  const writer = createSegmentWriter({
    queued: layout.queued,
    syncQueued,
    onSealed: (file) => void track(file.reclaim()),
  });
  const begin = createReceiver(writer, { incoming: layout.incoming, queued: layout.queued, syncQueued });
  const roomProblem = createRoomCheck({ directory, minFreeBytes, quotaBytes, used: () => queuedBytes });

  function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    const done = () => underWay.delete(work);
    work.then(done, done);
    return work;
  }

  function hold(entry: Entry): void {
    entries.set(entry.id, entry);
    queuedBytes += entry.bytes;
    queue.add(entry);
  }

  function wake(): void {
    for (const listener of listeners) listener();
  }

  /** The record is not needed any more: its file goes when nothing else in it is. */
  async function letGo(entry: Entry): Promise<void> {
    entries.delete(entry.id);
    queuedBytes -= entry.bytes;
    const { file } = entry;
    file.live--;
    if (file.live === 0 && file.sealed) await file.reclaim();
    else if (isShared(file)) {
      if (file.live === 0) writer.emptied(file);
      await file.note({ at: entry.offset, gone: true });
    }
  }

  /** A few messages that keep failing must not keep the room of a whole segment: they get files of their own. */
  async function moveOut(entry: Entry): Promise<void> {
    const { file: shared, offset } = entry;
    const path = join(layout.queued, `${entry.id}.mail`);
    await extractRecord(placeOf(entry), path);
    entry.file = createSpoolFile(path, 1, true);
    entry.offset = 0;
    shared.live--;
    if (shared.live === 0) await shared.reclaim();
    else await shared.note({ at: offset, gone: true });
  }

  function placeOf({ id, file, offset, startLength, bytes }: Entry): RecordPlace {
    return { id, path: file.path, offset, startLength, bytes };
  }

  function newEntry(id: string, sender: string, at: number, place: Omit<SegmentPlace, 'sha256'>): Entry {
    const { file, offset, startLength, bytes } = place;
    const state = { due: at, attempts: 0, firstTriedAt: undefined, taken: false };
    return { id, sender, queuedAt: at, ...state, file, offset, startLength, bytes };
  }

  function holdFound(found: FoundRecord): void {
    const at = now();
    const { id, envelope } = found.meta;
    const entry = newEntry(id, envelope.from, Date.parse(envelope.receivedAt) || at, found);
    if (found.note) entry.due = Math.min(found.note.due, at + random() * RESTART_SPREAD_MS);
    entry.attempts = found.note?.attempts ?? 0;
    entry.firstTriedAt = found.note?.first;
    hold(entry);
  }

  async function recover() {
    const swept = await sweepIncoming(layout);
    const segmentReader = createSegmentReader(layout);
    let damaged = 0;
    const names = (await readdir(layout.queued)).sort();
    for (const name of names) {
      const path = join(layout.queued, name);
      if (name.endsWith('.segment')) {
        const finding = await segmentReader(path);
        damaged += finding.damaged;
        for (const found of finding.records) holdFound(found);
      } else if (name.endsWith('.mail')) {
        const found = await recoverOwnFile(path, layout);
        if (found) holdFound(found);
        else damaged++;
      } else if (name.endsWith('.state') && !existsSync(path.slice(0, -'.state'.length))) await rm(path);
    }
    failed = (await readdir(layout.failed)).filter((name) => name.endsWith('.mail')).length;
    return { queued: entries.size, failed, swept, damaged };
  }

  async function settle(entry: Entry, settlement: Settlement): Promise<void> {
    if (settlement.kind === 'forwarded') return letGo(entry);
    if (settlement.kind === 'failed') {
      try {
        return await fail(entry, settlement.attempts, settlement.code, settlement.reason);
      } catch (error) {
        // It could not be put aside, so it stays in line: the cloud will say the same again.
        entry.taken = false;
        entry.due = now() + TRY_ASIDE_AGAIN_MS;
        queue.add(entry);
        throw error;
      }
    }
    const { attempts, due, firstTriedAt } = settlement;
    if (isShared(entry.file) && entry.file.sealed && entry.file.live <= FEW_LEFT)
      await moveOut(entry).catch(() => undefined); // no room to move: it stays where it is, as safe as before
    entry.taken = false;
    entry.attempts = attempts;
    entry.due = due;
    entry.firstTriedAt = firstTriedAt;
    queue.add(entry);
    await entry.file.note({ at: entry.offset, attempts, due, first: firstTriedAt });
  }

  async function fail(entry: Entry, attempts: number, code: string, reason: string): Promise<void> {
    const failedAt = new Date(now()).toISOString();
    await keepFailed(placeOf(entry), layout, { id: entry.id, attempts, code, reason, failedAt });
    failed++;
    await letGo(entry);
  }

  async function putAside(entry: Entry): Promise<void> {
    await extractRecord(placeOf(entry), join(layout.damaged, `${entry.id}.mail`));
    await letGo(entry);
  }

  /** Takes a queued entry out of the line for an operator. */
  function claim(id: string): Entry | 'unknown' | 'busy' {
    const entry = entries.get(id);
    if (!entry) return 'unknown';
    if (entry.taken) return 'busy';
    queue.remove((item) => item === entry);
    return entry;
  }

  const isShared = (file: SpoolFile) => !file.path.endsWith('.mail');
  const isFailed = (id: string) => isMessageId(id) && existsSync(failedPath(layout, id));

  let recovered: RecoveryReport;
  try {
    recovered = await recover();
  } catch (error) {
    await lock.release();
    throw error;
  }

  return {
    recovered,
    lock,
    roomProblem,
    begin(id, envelope) {
      const message = begin(id, envelope);
      return {
        append: (chunk) => track(message.append(chunk)),
        abort: () => track(message.abort()),
        async commit(receivedAt) {
          const place = await track(message.commit(receivedAt));
          hold(newEntry(id, envelope.from, receivedAt, place));
          wake();
          return place.sha256;
        },
      };
    },
    take(at) {
      const entry = queue.take(at);
      if (entry) entry.taken = true;
      return entry;
    },
    nextDue: () => queue.nextDue(),
    async open(entry) {
      try {
        return await openStoredMessage(placeOf(entry as Entry));
      } catch (error) {
        if (error instanceof DamagedMessageError) await track(putAside(entry as Entry));
        throw error;
      }
    },
    settle: (entry, settlement) => track(settle(entry as Entry, settlement)),
    onQueued: (listener) => void listeners.push(listener),
    counts() {
      let oldest: number | undefined;
      for (const { queuedAt } of entries.values()) if (oldest === undefined || queuedAt < oldest) oldest = queuedAt;
      return { queued: entries.size, queuedBytes, failed, oldestQueuedAt: oldest };
    },
    queued: () => entries.values(),
    failed: () => listFailed(layout),
    async find(id) {
      const entry = entries.get(id);
      if (entry) return openStoredMessage(placeOf(entry));
      if (!isFailed(id)) return undefined;
      const found = await recoverOwnFile(failedPath(layout, id), layout);
      return found && openStoredMessage({ id, path: failedPath(layout, id), ...found });
    },
    async retry(id) {
      if (isFailed(id)) {
        const path = join(layout.queued, `${id}.mail`);
        await extractRecord({ id, path: failedPath(layout, id), offset: 0, startLength: 0, bytes: 0 }, path);
        await deleteFailed(layout, id);
        failed--;
        const found = await recoverOwnFile(path, layout);
        if (!found) return 'unknown';
        holdFound(found);
      } else {
        const entry = claim(id);
        if (typeof entry === 'string') return entry;
        entry.due = now();
        queue.add(entry);
      }
      wake();
      return 'done';
    },
    async hold(id, reason) {
      const entry = claim(id);
      if (typeof entry === 'string') return entry;
      await track(fail(entry, entry.attempts, 'held', reason));
      return 'done';
    },
    async remove(id) {
      if (isFailed(id)) {
        await deleteFailed(layout, id);
        failed--;
        return 'done';
      }
      const entry = claim(id);
      if (typeof entry === 'string') return entry;
      await track(letGo(entry));
      return 'done';
    },
    async close() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
      await writer.close();
      while (underWay.size > 0) await Promise.allSettled(underWay);
      await lock.release();
    },
  };
}
