// Reads a promised message back.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { decodeHead, decodeMeta, HEAD_BYTES } from './record.ts';
import { DamagedMessageError, type StoredMessage } from './spool.ts';

/** Where a record lies. */
export interface RecordPlace {
  readonly id: string;
  readonly path: string;
  readonly offset: number;
  readonly startLength: number;
  readonly bytes: number;
}

/**
 * Opens the record and checks all of it against its SHA-256 first: what a disk got wrong must not be sent.
 * Reading twice costs little, the second time comes from memory.
 */
export async function openStoredMessage(place: RecordPlace): Promise<StoredMessage> {
  const file = await open(place.path, 'r');
  const from = place.offset + place.startLength;
  const range = { start: from, end: from + place.bytes - 1, autoClose: false, highWaterMark: 256 * 1024 };
  try {
    const start = Buffer.alloc(place.startLength);
    await file.read(start, 0, start.length, place.offset);
    const lengths = decodeHead(start);
    const meta = lengths && decodeMeta(start.subarray(HEAD_BYTES), lengths.metaCrc);
    if (!meta || meta.id !== place.id || lengths.bytes !== place.bytes)
      throw damaged(place, 'its head is not readable');
    const hash = createHash('sha256');
    for await (const chunk of file.createReadStream(range)) hash.update(chunk as Buffer);
    if (hash.digest('base64') !== meta.sha256) throw damaged(place, 'its bytes do not match their checksum');
    return {
      envelope: meta.envelope,
      bytes: place.bytes,
      sha256: meta.sha256,
      body: (): Readable => file.createReadStream(range),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function damaged(place: RecordPlace, what: string): DamagedMessageError {
  return new DamagedMessageError(`Message ${place.id} in ${place.path} is damaged: ${what}.`);
}
