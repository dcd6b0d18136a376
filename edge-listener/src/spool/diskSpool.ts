// The spool on disk: what the spool promises, over segments for small mail and files of their own for large.
import type net from 'node:net';
import { createSharedDirectorySync } from './durable.ts';
import { createEndings } from './endings.ts';
import { failedIds } from './failedMail.ts';
import { createReceiver } from './incomingMessage.ts';
import { createLedger, type Entry, placeOf } from './ledger.ts';
import { createOperatorActions } from './operatorActions.ts';
import { type FoundRecord, prepareDirectories, recoverQueued, spoolLayout, sweepIncoming } from './recovery.ts';
import { createRoomCheck } from './room.ts';
import { createSegmentWriter, type SegmentPlace } from './segmentWriter.ts';
import { DamagedMessageError, type Settlement, type Spool } from './spool.ts';
import { lockSpool, type SpoolLock } from './spoolLock.ts';
import { openStoredMessage } from './storedMessage.ts';

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

/** A failed message that could not be put aside is tried again after this, in milliseconds. */
const TRY_ASIDE_AGAIN_MS = 10 * 60_000;

/** After a restart nothing promised waits longer than this for its next attempt, in milliseconds. */
const RESTART_SPREAD_MS = 20_000;

export interface DiskSpoolOptions {
  readonly directory: string;
  /** Never jumps: it says what is due. */
  readonly now: () => number;
  /** What people call the time: it says when a message failed. */
  readonly wall?: () => number;
  /** A number in [0, 1). */
  readonly random?: () => number;
  readonly minFreeBytes?: number;
  readonly quotaBytes?: number;
  /** Gets the socket of the lock before anything is read: whoever connects while the spool is recovered gets an answer. */
  readonly onLocked?: (socket: net.Server) => void;
}

/**
 * Opens the spool, making the directory if need be, and finds what was promised before.
 * Throws `SpoolLockedError` when another process has it.
 */
export async function openDiskSpool(options: DiskSpoolOptions): Promise<DiskSpool> {
  const { directory, now, wall = now, random = Math.random, minFreeBytes = 0, quotaBytes = 0 } = options;
  const layout = spoolLayout(directory);
  await prepareDirectories(directory, layout);
  const lock = await lockSpool(directory);
  options.onLocked?.(lock.server);
  const syncQueued = createSharedDirectorySync(layout.queued);
  const ledger = createLedger();
  const listeners: (() => void)[] = [];
  const underWay = new Set<Promise<unknown>>();

  const writer = createSegmentWriter({
    queued: layout.queued,
    syncQueued,
    onSealed: (file) => void track(file.reclaim()),
  });
  const endings = createEndings({ layout, ledger, wall, syncQueued, emptied: writer.emptied });
  const begin = createReceiver(writer, { incoming: layout.incoming, queued: layout.queued, syncQueued });
  const roomProblem = createRoomCheck({ directory, minFreeBytes, quotaBytes, used: () => ledger.queuedBytes });
  const operator = createOperatorActions({ layout, ledger, endings, now, adopt, wake });

  function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    const done = () => underWay.delete(work);
    work.then(done, done);
    return work;
  }

  function wake(): void {
    for (const listener of listeners) listener();
  }

  function newEntry(id: string, sender: string, queuedAt: number, place: Omit<SegmentPlace, 'sha256'>): Entry {
    const { file, offset, startLength, bytes } = place;
    const state = { due: Math.min(queuedAt, now()), attempts: 0, firstTriedAt: undefined, taken: false };
    return { id, sender, queuedAt, ...state, file, offset, startLength, bytes };
  }

  /** A message found on the disk goes in line. */
  function adopt(found: FoundRecord): void {
    const at = now();
    const { id, envelope } = found.meta;
    const entry = newEntry(id, envelope.from, Date.parse(envelope.receivedAt) || at, found);
    if (found.note) entry.due = Math.min(found.note.due, at + random() * RESTART_SPREAD_MS);
    entry.attempts = found.note?.attempts ?? 0;
    entry.firstTriedAt = found.note?.first;
    ledger.add(entry);
  }

  async function recover(): Promise<RecoveryReport> {
    const swept = await sweepIncoming(layout);
    const damaged = await recoverQueued(layout, adopt);
    const { length: failed } = await failedIds(layout);
    ledger.failed = failed;
    return { queued: ledger.counts().queued, failed, swept, damaged };
  }

  async function settle(entry: Entry, settlement: Settlement): Promise<void> {
    if (settlement.kind === 'forwarded') return endings.letGo(entry);
    if (settlement.kind === 'failed') {
      try {
        return await endings.fail(entry, settlement.attempts, settlement.code, settlement.reason);
      } catch (error) {
        ledger.putBack(entry, now() + TRY_ASIDE_AGAIN_MS); // the cloud will say the same again
        throw error;
      }
    }
    const { attempts, due, firstTriedAt } = settlement;
    await endings.moveOut(entry).catch(() => undefined); // no room to move: it stays where it is, as safe as before
    entry.attempts = attempts;
    entry.firstTriedAt = firstTriedAt;
    ledger.putBack(entry, due);
    await entry.file.note({ at: entry.offset, attempts, due, first: firstTriedAt });
  }

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
        digest: () => message.digest(),
        abort: () => track(message.abort()),
        async commit(receivedAt) {
          const place = await track(message.commit(receivedAt));
          ledger.add(newEntry(id, envelope.from, receivedAt, place));
          wake();
          return place.sha256;
        },
      };
    },
    take: (at) => ledger.take(at),
    nextDue: () => ledger.nextDue(),
    async open(entry) {
      try {
        return await openStoredMessage(placeOf(entry as Entry));
      } catch (error) {
        if (error instanceof DamagedMessageError) await track(endings.putAside(entry as Entry));
        throw error;
      }
    },
    settle: (entry, settlement) => track(settle(entry as Entry, settlement)),
    onQueued: (listener) => void listeners.push(listener),
    counts: () => ledger.counts(),
    queued: () => ledger.all(),
    failed: operator.failed,
    failedOne: operator.failedOne,
    find: operator.find,
    expedite: operator.expedite,
    retry: (id) => track(operator.retry(id)),
    hold: (id, reason) => track(operator.hold(id, reason)),
    remove: (id) => track(operator.remove(id)),
    sweepFailed: (before) => track(operator.sweepFailed(before)),
    async close() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
      await writer.close();
      while (underWay.size > 0) await Promise.allSettled(underWay);
      await lock.release();
    },
  };
}
