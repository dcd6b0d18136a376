// How one message lies on disk: a fixed head, a line of JSON about it, then the stored message.
import { crc32 } from 'node:zlib';
import { type Envelope, encodeEnvelope } from '../../../functions/contract/envelope.ts';

/** `EDG1`: first bytes of every record. */
const MAGIC = 0x45444731;
/** Bytes before the JSON: magic, length of the JSON (4), of the message (8), CRC of the JSON (4), of this head (4). */
export const HEAD_BYTES = 24;
/** No JSON of ours is longer: the envelope has 8,000 characters in base64 at most. */
const MAX_META_BYTES = 64 * 1024;
/** Stands in for a SHA-256 in base64 until it is known: same length, so that the head keeps its place. */
const UNKNOWN_SHA256 = '='.repeat(44);
const UNKNOWN_TIME = new Date(0).toISOString();

/** What a record says of its message. Fields may be added; version 1 readers ignore them. */
export interface RecordMeta {
  readonly v: 1;
  readonly id: string;
  readonly sha256: string;
  readonly envelope: Envelope;
}

/** The head and JSON of a record, to be followed by `bytes` bytes of message. */
export function encodeRecordStart(meta: RecordMeta, bytes: number): Buffer {
  const json = Buffer.from(`${JSON.stringify(meta)}\n`, 'utf8');
  const start = Buffer.alloc(HEAD_BYTES + json.length);
  start.writeUInt32BE(MAGIC, 0);
  start.writeUInt32BE(json.length, 4);
  start.writeBigUInt64BE(BigInt(bytes), 8);
  start.writeUInt32BE(crc32(json), 16);
  start.writeUInt32BE(crc32(start.subarray(0, 20)), 20);
  json.copy(start, HEAD_BYTES);
  return start;
}

/** What {@link encodeRecordStart} will take for this envelope, whatever the digest, size and time come out as. */
export function recordStartLength(id: string, envelope: Envelope): number {
  return encodeRecordStart(metaOf(id, { ...envelope, receivedAt: UNKNOWN_TIME }, UNKNOWN_SHA256), 0).length;
}

export function metaOf(id: string, envelope: Envelope, sha256: string): RecordMeta {
  return { v: 1, id, sha256, envelope };
}

/** The lengths in a head; undefined when these bytes are not a whole head of ours. */
export function decodeHead(head: Uint8Array): { metaLength: number; bytes: number; metaCrc: number } | undefined {
  if (head.length < HEAD_BYTES) return undefined;
  const view = Buffer.from(head.buffer, head.byteOffset, HEAD_BYTES);
  if (view.readUInt32BE(0) !== MAGIC || view.readUInt32BE(20) !== crc32(view.subarray(0, 20))) return undefined;
  const metaLength = view.readUInt32BE(4);
  const bytes = Number(view.readBigUInt64BE(8));
  if (metaLength > MAX_META_BYTES || !Number.isSafeInteger(bytes)) return undefined;
  return { metaLength, bytes, metaCrc: view.readUInt32BE(16) };
}

/** Where the next whole head begins, at `from` or later; undefined when there is none. */
export function findHead(data: Buffer, from: number): number | undefined {
  const magic = Buffer.alloc(4);
  magic.writeUInt32BE(MAGIC);
  for (let at = data.indexOf(magic, from); at >= 0; at = data.indexOf(magic, at + 1))
    if (decodeHead(data.subarray(at, at + HEAD_BYTES))) return at;
  return undefined;
}

/** The JSON of a record; undefined when it is damaged or of a version this edge cannot read. */
export function decodeMeta(json: Uint8Array, metaCrc: number): RecordMeta | undefined {
  if (crc32(json) !== metaCrc) return undefined;
  const meta = JSON.parse(Buffer.from(json).toString('utf8')) as RecordMeta;
  return meta.v === 1 ? meta : undefined;
}

/** True when the envelope, with the time still to come, fits the header that will carry it. */
export function encodedEnvelopeLength(envelope: Envelope): number {
  return encodeEnvelope({ ...envelope, receivedAt: UNKNOWN_TIME }).length;
}
