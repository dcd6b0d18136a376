// Reads a request body into memory, never more of it than the caller allows.

import type { IncomingMessage } from 'node:http';

/** How much of a body that is too large is read and thrown away, so that the sender gets to read the answer. */
const MOST_DISCARDED = 64 * 1024 * 1024;

/** The whole body, or nothing but its size when it exceeded the limit. */
export type RequestBody =
  | { readonly tooLarge: false; readonly bytes: Buffer }
  | { readonly tooLarge: true; readonly length: number };

/**
 * Reads the body of `request`, at most `limit` bytes of it.
 *
 * @throws when the client breaks off, or sends more than 64 MiB beyond the limit.
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<RequestBody> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
    else {
      chunks.length = 0;
      if (length > limit + MOST_DISCARDED) throw new Error(`The request body is longer than ${limit} bytes by far.`);
    }
  }
  return length > limit ? { tooLarge: true, length } : { tooLarge: false, bytes: Buffer.concat(chunks, length) };
}
