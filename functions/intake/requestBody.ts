/** The bytes of a request as its sender means them: bounded, complete, inflated, and as its digest promises. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import { DIGEST_HEADER } from '../contract/relayProtocol.ts';
import { promisedSha256 } from './contentDigest.ts';
import { Refusal } from './problems.ts';

/**
 * The body of a request, `content-encoding: gzip` undone. When it ends without throwing, all of it came: as long as
 * `content-length` announced, with the digest that `content-digest` promises (both are about the bytes as sent,
 * RFC 9530), at most `maxBytes` before and after inflating. Everything else is thrown as a {@link Refusal}, so nothing
 * may be promised before the end. Header problems are thrown at once, by the call itself.
 */
export function openRequestBody(
  request: HttpRequest,
  maxBytes: number,
  what: Measured = 'message',
): AsyncIterable<Uint8Array> {
  const announced = announcedLength(request, maxBytes, what);
  const promised = promisedSha256(request.headers.get(DIGEST_HEADER));
  const sent = checkedBody(request, { maxBytes, what, announced, promised });
  const coding = request.headers.get('content-encoding')?.trim().toLowerCase() || 'identity';
  if (coding === 'identity') return sent;
  if (coding === 'gzip' || coding === 'x-gzip') return inflated(sent, maxBytes, what);
  throw new Refusal('unsupported-media-type', `Content-Encoding ${coding.slice(0, 40)} is not supported; gzip is.`);
}

/** What is measured: only the limit of a message is one that whoever submits mail can plan with. */
export type Measured = 'message' | 'JSON text' | 'part' | 'heartbeat';

/** The refusal of what has more bytes than allowed. */
export function tooLarge(maxBytes: number, what: Measured): Refusal {
  const detail = `The ${what} has more than ${maxBytes} bytes, the most it may have here.`;
  return new Refusal('message-too-large', detail, what === 'message' ? { maxMessageBytes: maxBytes } : {});
}

function announcedLength(request: HttpRequest, maxBytes: number, what: Measured): number | undefined {
  const text = request.headers.get('content-length');
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new Refusal('bad-request', 'Content-Length is not a number.');
  if (Number(text) > maxBytes) throw tooLarge(maxBytes, what);
  return Number(text);
}

interface Checks {
  readonly maxBytes: number;
  readonly what: Measured;
  readonly announced: number | undefined;
  readonly promised: string | undefined;
}

async function* checkedBody(request: HttpRequest, checks: Checks): AsyncGenerator<Uint8Array> {
  const { maxBytes, what, announced, promised } = checks;
  const hash = promised === undefined ? undefined : createHash('sha256');
  let received = 0;
  for await (const chunk of rawBody(request)) {
    received += chunk.length;
    if (received > maxBytes) throw tooLarge(maxBytes, what);
    hash?.update(chunk);
    yield chunk;
  }
  if (announced !== undefined && received !== announced)
    throw new Refusal('bad-request', `Content-Length announced ${announced} bytes, ${received} came.`);
  if (hash && hash.digest('hex') !== promised)
    throw new Refusal('bad-request', `The body does not have the digest that ${DIGEST_HEADER} promises.`);
}

/** One reader per request, never given back: who reads on after a refusal goes on where the refusal left off. */
const readers = new WeakMap<HttpRequest, ReadableStreamDefaultReader>();

function readerOf(request: HttpRequest): ReadableStreamDefaultReader | undefined {
  const reader = readers.get(request) ?? request.body?.getReader();
  if (reader) readers.set(request, reader);
  return reader;
}

async function* rawBody(request: HttpRequest): AsyncGenerator<Uint8Array> {
  const reader = readerOf(request);
  if (!reader) return;
  for (;;) {
    // Whoever was sending may go away. Nobody reads the answer then; nothing was promised, nothing is left behind.
    const { done, value } = await reader.read().catch((error: Error) => {
      throw new Refusal('bad-request', `The body ended too early: ${error.message}`);
    });
    if (done) return;
    yield value as Uint8Array;
  }
}

/**
 * Reads what is left of a body and drops it. A body must never be left half read: the host keeps its connections to
 * this process, and the next request on one would wait behind the rest for ever. Ends when the client does; never throws.
 */
export async function letRunOut(request: HttpRequest): Promise<void> {
  const reader = readerOf(request);
  try {
    while (reader && !(await reader.read()).done);
  } catch {
    // The client has gone away.
  }
}

async function* inflated(
  sent: AsyncIterable<Uint8Array>,
  maxBytes: number,
  what: Measured,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const fed = pipeline(Readable.from(sent, { objectMode: false }), gunzip);
  fed.catch(() => {}); // The same error comes out of `gunzip` below.
  let size = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(maxBytes, what);
      yield chunk;
    }
    // gzip ends by its own mark; what is checked of the bytes as sent is known only at their end.
    await fed;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('bad-request', `The body is not the gzip it is called: ${(error as Error).message}`);
  }
}
