// Receives a message into a file of its own: streamed, synced, renamed, its directory synced.
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import { asSpoolError } from './durable.ts';
import { encodeRecordStart, metaOf, recordStartLength } from './record.ts';

/** Bytes gathered before they are written: one system call for many small chunks. */
const GATHER_BYTES = 128 * 1024;
/** A sync is started each time so much has been written, so that the last one, which the device waits for, is short. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;

/** Where a committed message lies. */
export interface OwnFileResult {
  readonly path: string;
  readonly startLength: number;
  readonly bytes: number;
  readonly sha256: string;
}

export interface OwnFile {
  append(chunk: Uint8Array): Promise<void>;
  digest(): string;
  commit(receivedAt: number): Promise<OwnFileResult>;
  abort(): Promise<void>;
}

export interface OwnFileOptions {
  readonly incoming: string;
  readonly queued: string;
  /** Makes the names in `queued` durable. */
  readonly syncQueued: () => Promise<void>;
}

/** Begins a file for this message. The room for the head is left free and filled in at the end. */
export async function beginOwnFile(id: string, envelope: Envelope, options: OwnFileOptions): Promise<OwnFile> {
  const temporary = join(options.incoming, `${id}.part`);
  const startLength = recordStartLength(id, envelope);
  const hash = createHash('sha256');
  let file: FileHandle;
  try {
    file = await open(temporary, 'wx', 0o600);
  } catch (error) {
    throw asSpoolError(error);
  }
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  let bytes = 0;
  let position = startLength;
  let syncedAt = 0;
  let earlySync: Promise<void> = Promise.resolve();
  let earlySyncFailure: unknown;
  let writing: Promise<void> = Promise.resolve();

  /**
   * Begins to write what is gathered once the write before it is done, which it waits for: while one piece is being
   * written the next is received. What comes of this one is told by the next call, or by `commit`.
   */
  async function flush(): Promise<void> {
    const chunks = gathered;
    gathered = [];
    gatheredBytes = 0;
    await writing;
    writing = write(chunks);
    writing.catch(() => undefined); // told to whoever waits for it next
  }

  async function write(chunks: Uint8Array[]): Promise<void> {
    while (chunks.length > 0) {
      const { bytesWritten } = await file.writev(chunks, position);
      position += bytesWritten;
      chunks = rest(chunks, bytesWritten);
    }
    if (position - syncedAt < SYNC_EVERY_BYTES) return;
    syncedAt = position;
    earlySync = earlySync
      .then(() => file.datasync())
      .catch((error: unknown) => {
        earlySyncFailure ??= error; // commit tells: after a failed sync a later success proves nothing
      });
  }

  async function discard(): Promise<void> {
    await writing.catch(() => undefined); // its failure was told, or does not matter any more
    await earlySync;
    await file.close();
    await rm(temporary, { force: true });
  }

  return {
    async append(chunk) {
      hash.update(chunk);
      gathered.push(chunk);
      gatheredBytes += chunk.length;
      bytes += chunk.length;
      if (gatheredBytes < GATHER_BYTES) return;
      try {
        await flush();
      } catch (error) {
        throw asSpoolError(error);
      }
    },
    digest: () => hash.copy().digest('base64'),
    async commit(receivedAt) {
      const sha256 = hash.digest('base64');
      const path = join(options.queued, `${id}.mail`);
      try {
        const sealed = { ...envelope, receivedAt: new Date(receivedAt).toISOString() };
        await flush();
        await writing;
        const start = encodeRecordStart(metaOf(id, sealed, sha256), bytes);
        if (start.length !== startLength) throw new Error(`The head of ${id} outgrew the room left for it.`);
        await file.write(start, 0, start.length, 0);
        await earlySync;
        if (earlySyncFailure) throw earlySyncFailure;
        await file.sync();
      } catch (error) {
        await discard().catch(() => undefined); // the first failure is the one to tell; the sweep at start gets the rest
        throw asSpoolError(error);
      }
      await file.close();
      try {
        await rename(temporary, path);
        await options.syncQueued();
      } catch (error) {
        // Nothing was promised: it must not be found as promised later.
        await rm(temporary, { force: true });
        await rm(path, { force: true });
        throw asSpoolError(error);
      }
      return { path, startLength, bytes, sha256 };
    },
    abort: discard,
  };
}

function rest(chunks: Uint8Array[], written: number): Uint8Array[] {
  let at = 0;
  while (at < chunks.length && written >= chunks[at]!.length) written -= chunks[at++]!.length;
  const left = chunks.slice(at);
  if (written > 0) left[0] = left[0]!.subarray(written);
  return left;
}
