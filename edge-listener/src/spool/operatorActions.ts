// What a person may do with the mail in the spool.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isMessageId } from '../../../functions/contract/messageId.ts';
import type { Endings } from './endings.ts';
import { deleteFailed, deleteReason, extractRecord, failedPath, listFailed, readFailed } from './failedMail.ts';
import { type Entry, type Ledger, placeOf } from './ledger.ts';
import { type FoundRecord, recoverOwnFile, type SpoolLayout } from './recovery.ts';
import type { FailedEntry, OperatorResult, StoredMessage } from './spool.ts';
import { openStoredMessage } from './storedMessage.ts';

/** An earlier time was read off a clock that had not been set yet: it says nothing about the age of a message. */
const EARLIEST_BELIEVED = Date.parse('2024-01-01T00:00:00Z');

export interface OperatorActionsOptions {
  readonly layout: SpoolLayout;
  readonly ledger: Ledger;
  readonly endings: Endings;
  readonly now: () => number;
  /** Puts a message that was found on the disk in line. */
  readonly adopt: (found: FoundRecord) => void;
  /** To be called when an entry may have become due. */
  readonly wake: () => void;
}

/**
 * Every message is in one pair of hands at a time: what the forwarder has, or another command, is `busy`. So no command
 * meets a file on its way from one place to another.
 */
export function createOperatorActions({ layout, ledger, endings, now, adopt, wake }: OperatorActionsOptions) {
  /** Failed messages that a command is about. */
  const inHand = new Set<string>();

  const isFailed = (id: string) => isMessageId(id) && existsSync(failedPath(layout, id));

  async function withFailed(id: string, work: () => Promise<OperatorResult>): Promise<OperatorResult> {
    if (inHand.has(id)) return 'busy';
    if (!isFailed(id)) return 'unknown';
    inHand.add(id);
    try {
      return await work();
    } finally {
      inHand.delete(id);
    }
  }

  async function deleteFailedMail(id: string): Promise<OperatorResult> {
    await deleteFailed(layout, id);
    ledger.failed--;
    return 'done';
  }

  /** Lets `work` end the entry; puts it back in line when that fails. */
  async function end(entry: Entry, work: Promise<void>): Promise<OperatorResult> {
    try {
      await work;
      return 'done';
    } catch (error) {
      ledger.putBack(entry, entry.due);
      wake();
      throw error;
    }
  }

  async function retryFailed(id: string): Promise<OperatorResult> {
    const path = join(layout.queued, `${id}.mail`);
    await extractRecord({ id, path: failedPath(layout, id), offset: 0, startLength: 0, bytes: 0 }, path, layout);
    ledger.failed--;
    await deleteReason(layout, id).catch(() => undefined); // the message is what counts
    const found = await recoverOwnFile(path, layout, false);
    if (!found) return 'unknown';
    adopt(found);
    wake();
    return 'done';
  }

  return {
    async find(id: string): Promise<StoredMessage | undefined> {
      const entry = ledger.get(id);
      if (entry) return openStoredMessage(placeOf(entry));
      if (!isFailed(id)) return undefined;
      const found = await recoverOwnFile(failedPath(layout, id), layout, false);
      return found && openStoredMessage({ id, path: failedPath(layout, id), ...found });
    },
    failed: (): Promise<FailedEntry[]> => listFailed(layout),
    async failedOne(id: string): Promise<FailedEntry | undefined> {
      return isMessageId(id) ? readFailed(layout, id) : undefined;
    },
    async retry(id: string): Promise<OperatorResult> {
      const entry = ledger.claim(id);
      if (entry === 'busy') return entry;
      if (entry === 'unknown') return withFailed(id, () => retryFailed(id));
      ledger.putBack(entry, now());
      wake();
      return 'done';
    },
    expedite(ids: Iterable<string>): void {
      const due = now();
      for (const id of ids) {
        const entry = ledger.claim(id);
        if (typeof entry !== 'string') ledger.putBack(entry, due);
      }
      wake();
    },
    async hold(id: string, reason: string): Promise<OperatorResult> {
      const entry = ledger.claim(id);
      if (typeof entry === 'string') return entry;
      return end(entry, endings.fail(entry, entry.attempts, 'held', reason));
    },
    async remove(id: string): Promise<OperatorResult> {
      const entry = ledger.claim(id);
      if (entry === 'busy') return entry;
      if (entry === 'unknown') return withFailed(id, () => deleteFailedMail(id));
      return end(entry, endings.erase(entry));
    },
    /** Deletes what failed before `before` (milliseconds since 1970); resolves with the ids. */
    async sweepFailed(before: number): Promise<string[]> {
      const swept: string[] = [];
      for (const { id, failedAt } of await listFailed(layout)) {
        const at = Date.parse(failedAt);
        if (!(at >= EARLIEST_BELIEVED && at < before)) continue;
        if ((await withFailed(id, () => deleteFailedMail(id))) === 'done') swept.push(id);
      }
      return swept;
    },
  };
}
