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
 *
 * @param checkHeader gets the header as soon as all of it is there; what it refuses is stored no further
 */
export async function receiveBody(
  message: AsyncIterable<Uint8Array>,
  maxBytes: number,
  write: WriteBytes,
  checkHeader: (header: HeaderBlock) => void = () => {},
): Promise<ReceivedBody> {
  const hash = createHash('sha256');
  const lineEndings = createLineEndingNormaliser();
  const reading = startHeader(checkHeader);
  let size = 0;
  for await (const chunk of message) {
    hash.update(chunk);
    const stored = lineEndings.push(chunk);
    size += stored.length;
    if (size > maxBytes) throw tooLarge(maxBytes, 'message');
    reading.push(stored);
    await write(stored);
  }
  if (size === 0) throw new Refusal('unprocessable-message', 'The message is empty.');
  return { sha256: hash.digest('hex'), size, header: reading.end() };
}

/** Collects the start of a message until its header is complete, and then no more. */
function startHeader(check: (header: HeaderBlock) => void) {
  const start: Uint8Array[] = [];
  let size = 0;
  let tried = 0;
  let header: HeaderBlock | undefined;
  const read = (complete: boolean) => {
    header = readHeaderBlock(Buffer.concat(start), complete);
    if (header) check(header);
    else if (complete || size > MAX_HEADER_BYTES)
      throw new Refusal('unprocessable-message', `The header does not end within ${MAX_HEADER_BYTES} bytes.`);
  };
  return {
    push(chunk: Uint8Array): void {
      if (header) return;
      start.push(chunk);
      size += chunk.length;
      // Many small chunks: the start is read again when it has doubled, not for each of them.
      if (size < tried * 2 && size <= MAX_HEADER_BYTES) return;
      tried = size;
      read(false);
    },
    end(): HeaderBlock {
      if (!header) read(true);
      return header!;
    },
  };
}
