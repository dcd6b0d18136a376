// How a queued message leaves its place on the disk.
import { join } from 'node:path';
import { extractRecord, keepFailed } from './failedMail.ts';
import { type Entry, type Ledger, placeOf } from './ledger.ts';
import type { SpoolLayout } from './recovery.ts';
import { createSpoolFile, type SpoolFile } from './spoolFile.ts';

/** A sealed segment with so few messages left is given up at their next retry. */
const FEW_LEFT = 3;

export interface EndingsOptions {
  readonly layout: SpoolLayout;
  readonly ledger: Ledger;
  /** What people call the time. */
  readonly wall: () => number;
  /** Makes the names in `queued` durable. */
  readonly syncQueued: () => Promise<void>;
  /** To be told of a shared file in which nothing is needed any more. */
  readonly emptied: (file: SpoolFile) => void;
}

/**
 * Every one of these takes an entry that is taken. A rejection leaves the entry in the ledger when the message is
 * still where it was, and only then.
 */
export function createEndings({ layout, ledger, wall, syncQueued, emptied }: EndingsOptions) {
  /** One record of the file is not needed any more. */
  async function release(file: SpoolFile): Promise<void> {
    file.live--;
    if (file.live > 0) return;
    if (file.sealed) await file.reclaim();
    else emptied(file);
  }

  /** Writes down, proof against a power cut, that the record of a shared file is not needed any more. */
  async function strikeOut(file: SpoolFile, offset: number): Promise<void> {
    await file.noteDurably({ at: offset, gone: true });
    await syncQueued();
  }

  return {
    /** It was forwarded. After a power cut it may be forwarded once more, which the function app recognises. */
    async letGo(entry: Entry): Promise<void> {
      const { file, offset } = entry;
      ledger.drop(entry);
      await release(file);
      if (isShared(file) && !(file.sealed && file.live === 0)) await file.note({ at: offset, gone: true });
    },

    /** It must never be sent: gone once this resolves, whatever happens to the power. */
    async erase(entry: Entry): Promise<void> {
      const { file, offset } = entry;
      if (isShared(file)) {
        await file.noteDurably({ at: offset, gone: true });
        ledger.drop(entry);
        await syncQueued();
        return release(file);
      }
      file.live--;
      try {
        await file.reclaim();
      } catch (error) {
        file.live++;
        throw error;
      }
      ledger.drop(entry);
      await syncQueued();
    },

    /** Keeps it for a person. Once it is in `failed`, that is what counts at the next start. */
    async fail(entry: Entry, attempts: number, code: string, reason: string): Promise<void> {
      const { id, file, offset } = entry;
      const failedAt = new Date(wall()).toISOString();
      await keepFailed(placeOf(entry), layout, { id, attempts, code, reason, failedAt });
      ledger.failed++;
      try {
        if (isShared(file)) await strikeOut(file, offset);
        else await file.moved();
      } finally {
        ledger.drop(entry);
      }
      if (isShared(file)) await release(file);
    },

    /** What is on disk is damaged: nothing sends it, and a person can look at it. */
    async putAside(entry: Entry): Promise<void> {
      const { file, offset } = entry;
      await extractRecord(placeOf(entry), join(layout.damaged, `${entry.id}.mail`), layout);
      ledger.drop(entry);
      if (!isShared(file)) return file.moved();
      await strikeOut(file, offset);
      await release(file);
    },

    /** A few messages that keep failing must not keep the room of a whole segment: they get files of their own. */
    async moveOut(entry: Entry): Promise<void> {
      const { file: shared, offset } = entry;
      if (!isShared(shared) || !shared.sealed || shared.live > FEW_LEFT) return;
      const path = join(layout.queued, `${entry.id}.mail`);
      await extractRecord(placeOf(entry), path, layout);
      entry.file = createSpoolFile(path, 1, true);
      entry.offset = 0;
      if (shared.live > 1) await strikeOut(shared, offset);
      await release(shared);
    },
  };
}

export type Endings = ReturnType<typeof createEndings>;

function isShared(file: SpoolFile): boolean {
  return !file.path.endsWith('.mail');
}
