/** Takes a request body in, as a stream: nothing here holds more of a message than its header and one block. */
import { createHash } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { createLineEndingNormaliser } from '../contract/lineEndings.ts';
import { type HeaderBlock, MAX_HEADER_BYTES, readHeaderBlock } from '../mail/headerBlock.ts';
import { Refusal } from './problems.ts';

export interface ReceivedBody {
  /** SHA-256 of the body as it was posted, hex. */
  readonly sha256: string;
  /** Bytes of the stored message. */
  readonly size: number;
  readonly header: HeaderBlock;
}

/**
 * Reads the whole body, normalises its line ends, hands the stored message's bytes to `write`, and refuses what is
 * empty, too large, shorter than announced, or has no readable header. Nothing may be promised before it returns.
 */
export async function receiveBody(
  request: HttpRequest,
  maxBytes: number,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<ReceivedBody> {
  const announced = announcedLength(request, maxBytes);
  const hash = createHash('sha256');
  const lineEndings = createLineEndingNormaliser();
  const start: Uint8Array[] = [];
  let received = 0;
  let size = 0;
  for await (const chunk of bodyOf(request)) {
    received += chunk.length;
    hash.update(chunk);
    const stored = lineEndings.push(chunk);
    size += stored.length;
    if (Math.max(received, size) > maxBytes) throw tooLarge(maxBytes);
    if (size - stored.length <= MAX_HEADER_BYTES) start.push(stored);
    await write(stored);
  }
  if (announced !== undefined && received !== announced)
    throw new Refusal('bad-request', `Content-Length announced ${announced} bytes, ${received} came.`);
  if (received === 0) throw new Refusal('unprocessable-message', 'The message is empty.');
  const beginning = Buffer.concat(start);
  const header = readHeaderBlock(beginning, size === beginning.length);
  if (!header) throw new Refusal('unprocessable-message', `The header does not end within ${MAX_HEADER_BYTES} bytes.`);
  return { sha256: hash.digest('hex'), size, header };
}

function announcedLength(request: HttpRequest, maxBytes: number): number | undefined {
  const text = request.headers.get('content-length');
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new Refusal('bad-request', 'Content-Length is not a number.');
  if (Number(text) > maxBytes) throw tooLarge(maxBytes);
  return Number(text);
}

function tooLarge(maxBytes: number): Refusal {
  return new Refusal('message-too-large', `The message has more than ${maxBytes} bytes, the most this relay takes.`, {
    maxMessageBytes: maxBytes,
  });
}

async function* bodyOf(request: HttpRequest): AsyncIterable<Uint8Array> {
  if (!request.body) return;
  try {
    yield* request.body as unknown as AsyncIterable<Uint8Array>;
  } catch (error) {
    // Whoever was sending has gone away, and nobody reads the answer. Nothing was promised, nothing is left behind.
    throw new Refusal('bad-request', `The body ended too early: ${(error as Error).message}`);
  }
}
