// Reads a promised message back.
import { createHash, hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { decodeHead, decodeMeta, HEAD_BYTES } from './record.ts';
import { DamagedMessageError, type StoredMessage } from './spool.ts';

/** A message up to this size is read at once. */
const IN_MEMORY_BYTES = 256 * 1024;

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
    const { envelope, sha256 } = meta;
    const stored = { envelope, sha256, bytes: place.bytes };
    if (place.bytes <= IN_MEMORY_BYTES) {
      const body = Buffer.alloc(place.bytes);
      await file.read(body, 0, body.length, from);
      if (hash('sha256', body, 'base64') !== sha256) throw damaged(place, 'its bytes do not match their checksum');
      await file.close();
      return { ...stored, body: () => Readable.from([body]), close: async () => undefined };
    }
    const digest = createHash('sha256');
    for await (const chunk of file.createReadStream(range)) digest.update(chunk as Buffer);
    if (digest.digest('base64') !== sha256) throw damaged(place, 'its bytes do not match their checksum');
    return { ...stored, body: () => file.createReadStream(range), close: () => file.close() };
  } catch (error) {
    await file.close().catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}

function damaged(place: RecordPlace, what: string): DamagedMessageError {
  return new DamagedMessageError(`Message ${place.id} in ${place.path} is damaged: ${what}.`);
}
