// Uploads a large message part by part, so that a slow line never has to carry it within one request.
import { hash } from 'node:crypto';
import {
  MAX_PART_BYTES,
  MAX_PARTS,
  PARTS_HEADER,
  type PartsAnswer,
  partPath,
  partsPath,
  WHOLE_DIGEST_HEADER,
} from '../../../functions/contract/relayProtocol.ts';
import type { StoredMessage } from '../spool/spool.ts';
import type { HttpAnswer, HttpClient } from './httpExchange.ts';
import type { UploadRate } from './uploadRate.ts';

export interface PartsUpload {
  readonly http: HttpClient;
  readonly id: string;
  readonly message: StoredMessage;
  /** Sends bytes as the body of a request; resolves with the answer. */
  readonly send: (path: string, bytes: Buffer) => Promise<HttpAnswer>;
  readonly rate: UploadRate;
  /** Authorization and trace of every request. */
  readonly common: Readonly<Record<string, string>>;
}

/** A part should go out in so many seconds; one that would take much longer than that is cut smaller. */
const PART_SECONDS = 60;
/** An upload that began with parts of one size goes on with it while a part takes no longer than this, in seconds. */
const BEARABLE_SECONDS = 150;
const SIZE_STEP = 64 * 1024;

/**
 * How large the parts of a message are on a line of so many bytes a second. An upload that goes on where it broke off
 * has to cut as it did, so the size of the first part, where there is one, decides as long as the line bears it.
 */
export function partBytes(messageBytes: number, bytesPerSecond: number, firstPart?: number): number {
  if (firstPart && firstPart * MAX_PARTS >= messageBytes && firstPart / bytesPerSecond <= BEARABLE_SECONDS)
    return firstPart;
  const wanted = Math.max(bytesPerSecond * PART_SECONDS, messageBytes / MAX_PARTS);
  return Math.min(MAX_PART_BYTES, Math.ceil(wanted / SIZE_STEP) * SIZE_STEP);
}

/**
 * Stages what the cloud does not have yet and resolves with the headers of the request that commits it. Resolves with
 * the answer instead when a part was not taken; `unsupported` when this cloud knows no parts.
 */
export async function stageParts(
  upload: PartsUpload,
): Promise<{ commit: Record<string, string> } | { refused: HttpAnswer } | 'unsupported'> {
  const { http, id, message, send, rate, common } = upload;
  const listed = await http.exchange({ method: 'GET', path: partsPath(id), headers: common });
  if (listed.status === 404 || listed.status === 405) return 'unsupported';
  if (listed.status !== 200) return { refused: listed };
  const { parts } = JSON.parse(listed.body) as PartsAnswer;
  const staged = new Map(parts.map(({ n, sha256 }) => [n, sha256]));
  const size = partBytes(message.bytes, rate.bytesPerSecond, parts.find(({ n }) => n === 1)?.bytes);
  const digests: string[] = [];
  for await (const part of cut(message.body(), size)) {
    const n = digests.length + 1;
    const sha256 = hash('sha256', part, 'hex');
    digests.push(sha256);
    if (staged.get(n) === sha256) continue;
    const answer = await send(partPath(id, n), part);
    if (answer.status !== 200) return { refused: answer };
  }
  return {
    commit: {
      'content-length': '0',
      [PARTS_HEADER]: digests.join(', '),
      [WHOLE_DIGEST_HEADER]: `sha-256=:${message.sha256}:`,
    },
  };
}

async function* cut(stream: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (let chunk of stream) {
    while (length + chunk.length >= size) {
      const room = size - length;
      yield Buffer.concat([...chunks, chunk.subarray(0, room)]);
      chunk = chunk.subarray(room);
      chunks = [];
      length = 0;
    }
    if (chunk.length > 0) chunks.push(chunk);
    length += chunk.length;
  }
  if (length > 0) yield Buffer.concat(chunks);
}
