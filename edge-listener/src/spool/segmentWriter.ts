// Group commit: small messages of all sessions are appended to one file and share one sync.
import { createHash, hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import { asSpoolError } from './durable.ts';
import { encodeRecordStart, metaOf } from './record.ts';
import { createSpoolFile, type SpoolFile } from './spoolFile.ts';

/** A segment is closed when it has grown to this, so that its room comes back soon after its mail is gone. */
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Most bytes written under one sync: a device should not wait for more than that. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** A message in more pieces than this is put together before it is written. */
const MOST_PARTS = 64;

/** A segment in which nothing is needed is closed after so long without new mail, in milliseconds. */
const IDLE_MS = 2000;

/** Where a message was made durable. */
export interface SegmentPlace {
  readonly file: SpoolFile;
  readonly offset: number;
  readonly startLength: number;
  readonly bytes: number;
  /** Base64. */
  readonly sha256: string;
}

/**
 * While one batch is being synced the next one gathers, so that the number of syncs stays bounded by the disk and the
 * number of messages by everything else. A message is durable when `add` resolves.
 */
export interface SegmentWriter {
  add(id: string, envelope: Envelope, chunks: readonly Uint8Array[]): Promise<SegmentPlace>;
  /** To be told when nothing in `file` is needed any more: an idle segment is sealed, so that it can be deleted. */
  emptied(file: SpoolFile): void;
  /** Writes what is pending and seals the segment. */
  close(): Promise<void>;
}

export interface SegmentWriterOptions {
  readonly queued: string;
  /** Makes the names in `queued` durable. */
  readonly syncQueued: () => Promise<void>;
  /** Called when a segment is sealed: it may be reclaimable now. */
  readonly onSealed: (file: SpoolFile) => void;
}

interface Waiting {
  readonly buffers: readonly Uint8Array[];
  readonly length: number;
  readonly startLength: number;
  readonly sha256: string;
  readonly resolve: (place: SegmentPlace) => void;
  readonly reject: (error: unknown) => void;
}

interface Segment {
  readonly handle: FileHandle;
  readonly file: SpoolFile;
  /** Everything before this is durable. */
  length: number;
}

export function createSegmentWriter({ queued, syncQueued, onSealed }: SegmentWriterOptions): SegmentWriter {
  let waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;
  let segment: Segment | undefined;
  let lastNumber = 0;
  let idle: NodeJS.Timeout | undefined;

  async function newSegment(): Promise<Segment> {
    lastNumber = Math.max(lastNumber + 1, Date.now());
    const path = join(queued, `${String(lastNumber).padStart(15, '0')}.segment`);
    const handle = await open(path, 'wx', 0o600);
    await syncQueued();
    return { handle, file: createSpoolFile(path, 0, false), length: 0 };
  }

  async function seal(): Promise<void> {
    if (!segment) return;
    const { handle, file } = segment;
    segment = undefined;
    file.sealed = true;
    await handle.close();
    onSealed(file);
  }

  function nextBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < waiting.length && (count === 0 || bytes < BATCH_BYTES)) bytes += waiting[count++]!.length;
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      segment ??= await newSegment();
      const { handle, file, length } = segment;
      const total = batch.reduce((sum, one) => sum + one.length, 0);
      const { bytesWritten } = await handle.writev(
        batch.flatMap((one) => one.buffers),
        length,
      );
      if (bytesWritten !== total) throw Object.assign(new Error('A write was cut short.'), { code: 'ENOSPC' });
      await handle.datasync();
      let offset = length;
      file.live += batch.length;
      segment.length = length + total;
      for (const { length: size, startLength, sha256, resolve } of batch) {
        resolve({ file, offset, startLength, bytes: size - startLength, sha256 });
        offset += size;
      }
    } catch (error) {
      await abandonTail();
      for (const one of batch) one.reject(asSpoolError(error));
    }
    if (
      segment &&
      (segment.length >= SEGMENT_BYTES || (segment.file.live === 0 && segment.length >= SEGMENT_BYTES / 4))
    )
      await seal().catch(() => undefined); // closing a file whose content is durable: nothing depends on it
  }

  /**
   * After a failed write or sync the end of the segment is unknown, and a second sync that succeeds would prove
   * nothing: the kernel may have dropped the bytes. The segment is given up from its last durable byte on.
   */
  async function abandonTail(): Promise<void> {
    if (!segment) return;
    const { handle, file, length } = segment;
    await file.note({ at: -1, end: length }).catch(() => undefined); // the truncation says the same
    await handle.truncate(length).catch(() => undefined); // the note says the same; neither promises anything
    await seal().catch(() => undefined); // as above
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) await writeBatch(nextBatch());
    writing = undefined;
  }

  return {
    add: (id, envelope, chunks) =>
      new Promise((resolve, reject) => {
        const parts = chunks.length <= MOST_PARTS ? chunks : [Buffer.concat(chunks)];
        const sha256 = sha256Of(parts);
        const bytes = parts.reduce((sum, part) => sum + part.length, 0);
        const start = encodeRecordStart(metaOf(id, envelope, sha256), bytes);
        waiting.push({
          buffers: [start, ...parts],
          length: start.length + bytes,
          startLength: start.length,
          sha256,
          resolve,
          reject,
        });
        // Whatever else arrived in this turn of the event loop joins the first batch.
        writing ??= nextTurn().then(run);
      }),
    emptied(file) {
      if (segment?.file !== file) return;
      clearTimeout(idle);
      idle = setTimeout(() => {
        if (!writing && segment?.file === file && file.live === 0) void seal().catch(() => undefined); // as in writeBatch
      }, IDLE_MS).unref();
    },
    async close() {
      clearTimeout(idle);
      await writing;
      await seal();
    },
  };
}

/** Base64. */
function sha256Of(parts: readonly Uint8Array[]): string {
  if (parts.length === 1) return hash('sha256', parts[0]!, 'base64');
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest('base64');
}
