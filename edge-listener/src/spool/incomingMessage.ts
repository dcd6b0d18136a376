// Receives a message: in memory while it is small, then into a file of its own.
import { createHash } from 'node:crypto';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import { beginOwnFile, type OwnFile, type OwnFileOptions } from './ownFile.ts';
import type { SegmentPlace, SegmentWriter } from './segmentWriter.ts';
import { createSpoolFile } from './spoolFile.ts';

/** Messages up to this go by group commit. */
export const SMALL_BYTES = 1280 * 1024;
/** All small messages being received may take this much memory together; beyond it they go to files early. */
const GATHERED_BYTES = 12 * 1024 * 1024;

/** A message on its way in, whichever way it goes. */
export interface ReceivedMessage {
  append(chunk: Uint8Array): Promise<void>;
  digest(): string;
  commit(receivedAt: number): Promise<SegmentPlace>;
  abort(): Promise<void>;
}

/** Starts messages; counts the memory that all of them hold. */
export function createReceiver(writer: SegmentWriter, options: OwnFileOptions) {
  let gathered = 0;
  return function begin(id: string, envelope: Envelope): ReceivedMessage {
    let chunks: Uint8Array[] = [];
    let bytes = 0;
    let own: OwnFile | undefined;

    function release(): void {
      gathered -= bytes;
      bytes = 0;
      chunks = [];
    }

    return {
      async append(chunk) {
        if (own) return own.append(chunk);
        chunks.push(chunk);
        bytes += chunk.length;
        gathered += chunk.length;
        if (bytes <= SMALL_BYTES && gathered <= GATHERED_BYTES) return;
        own = await beginOwnFile(id, envelope, options);
        const soFar = chunks;
        release();
        for (const part of soFar) await own.append(part);
      },
      digest() {
        if (own) return own.digest();
        const hash = createHash('sha256');
        for (const chunk of chunks) hash.update(chunk);
        return hash.digest('base64');
      },
      async commit(receivedAt) {
        if (own) {
          const { path, startLength, bytes: size, sha256 } = await own.commit(receivedAt);
          return { file: createSpoolFile(path, 1, true), offset: 0, startLength, bytes: size, sha256 };
        }
        try {
          return await writer.add(id, { ...envelope, receivedAt: new Date(receivedAt).toISOString() }, chunks);
        } finally {
          release();
        }
      },
      async abort() {
        release();
        await own?.abort();
      },
    };
  };
}
