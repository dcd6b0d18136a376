/** Takes a message in, as a stream: nothing here holds more of it than its header and one block. */
import { createHash } from 'node:crypto';
import { createLineEndingNormaliser } from '../contract/lineEndings.ts';
import { type HeaderBlock, MAX_HEADER_BYTES, readHeaderBlock } from '../mail/headerBlock.ts';
import { Refusal } from './problems.ts';
import { tooLarge } from './requestBody.ts';

export interface ReceivedBody {
  /** SHA-256 of the message as it was given, hex: what tells a replay from another mail. */
  readonly sha256: string;
  /** Bytes of the stored message. */
  readonly size: number;
  readonly header: HeaderBlock;
}

export type WriteBytes = (chunk: Uint8Array) => Promise<void>;

/**
 * Reads a whole message, normalises its line ends, hands the stored message's bytes to `write`, and refuses what is
 * empty, too large, or has no readable header. Nothing may be promised before it returns.
 */
export async function receiveBody(
  message: AsyncIterable<Uint8Array>,
  maxBytes: number,
  write: WriteBytes,
): Promise<ReceivedBody> {
  const hash = createHash('sha256');
  const lineEndings = createLineEndingNormaliser();
  const start: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of message) {
    hash.update(chunk);
    const stored = lineEndings.push(chunk);
    size += stored.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    if (size - stored.length <= MAX_HEADER_BYTES) start.push(stored);
    await write(stored);
  }
  if (size === 0) throw new Refusal('unprocessable-message', 'The message is empty.');
  const beginning = Buffer.concat(start);
  const header = readHeaderBlock(beginning, size === beginning.length);
  if (!header) throw new Refusal('unprocessable-message', `The header does not end within ${MAX_HEADER_BYTES} bytes.`);
  return { sha256: hash.digest('hex'), size, header };
}
