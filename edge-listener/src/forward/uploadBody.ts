// What goes over the wire for some bytes of a message: gzip when that pays.
import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { DIGEST_HEADER } from '../../../functions/contract/relayProtocol.ts';

const compress = promisify(gzip);
/** Fewer bytes than this are not worth the trouble. */
const WORTH_BYTES = 4096;
/** It pays when a tenth is saved. */
const WORTH_RATIO = 0.9;

/** A request body and the headers that describe it. */
export interface UploadBody {
  readonly headers: Readonly<Record<string, string>>;
  readonly open: () => Readable;
}

/** A body of bytes in memory. The digest is of the bytes as they are sent. */
export async function bufferBody(bytes: Buffer, mayCompress: boolean): Promise<UploadBody> {
  if (mayCompress && bytes.length >= WORTH_BYTES) {
    const zipped = await compress(bytes, { level: constants.Z_BEST_SPEED });
    if (zipped.length < bytes.length * WORTH_RATIO) return body(zipped, { 'content-encoding': 'gzip' });
  }
  return body(bytes, {});
}

function body(bytes: Buffer, more: Readonly<Record<string, string>>): UploadBody {
  const digest = `sha-256=:${hash('sha256', bytes, 'base64')}:`;
  return {
    headers: { ...more, 'content-length': String(bytes.length), [DIGEST_HEADER]: digest },
    open: () => Readable.from([bytes]),
  };
}

/** Everything a stream gives, in one buffer. */
export async function gather(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
