import type { Readable } from 'node:stream';
import { type HeaderBlock, MAX_HEADER_BYTES, readHeaderBlock } from '../../mail/headerBlock.ts';

/** A stored message that is being read: its header, and everything, header included, once. */
export interface OpenMail {
  /** Undefined when the header does not end within its bounds. */
  readonly block: HeaderBlock | undefined;
  /** The bytes that the header was read from, and perhaps more. */
  readonly beginning: Buffer;
  /** All bytes of the message. This or the next may be taken, once. */
  readonly all: AsyncIterable<Buffer>;
  /** All bytes, with the empty line that ends a header where the message has none: else a parser reads on. */
  readonly forParser: AsyncIterable<Buffer>;
  /** Lets go of the stream, read or not. */
  close(): void;
}

/** Reads as much of the message as its header takes. */
export async function openMail(stored: Readable): Promise<OpenMail> {
  const chunks = stored[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let beginning: Buffer = Buffer.alloc(0);
  let block: HeaderBlock | undefined;
  let ended = false;
  while (!block && !ended && beginning.length <= MAX_HEADER_BYTES + 1024) {
    const next = await chunks.next();
    if (next.done) ended = true;
    else beginning = Buffer.concat([beginning, next.value]);
    block = readHeaderBlock(beginning, ended);
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield beginning;
    for (;;) {
      const next = await chunks.next();
      if (next.done) return;
      yield next.value;
    }
  }
  async function* forParser(): AsyncGenerator<Buffer> {
    if (!block || block.separated) return yield* all();
    yield Buffer.concat([
      beginning.subarray(0, block.bodyStart),
      Buffer.from('\r\n'),
      beginning.subarray(block.bodyStart),
    ]);
    beginning = Buffer.alloc(0);
    yield* all();
  }
  return { block, beginning, all: all(), forParser: forParser(), close: () => void stored.destroy() };
}

/**
 * The message as it may be attached to another: all its bytes but for the fields that name hidden recipients, which no
 * receiver is to see.
 */
export function withoutHiddenRecipients({ block, all }: OpenMail): {
  size(stored: number): number;
  bytes: AsyncIterable<Buffer>;
} {
  if (!block) return { size: (stored) => stored, bytes: all };
  const hidden = block.fields.filter(({ name }) => name === 'bcc' || name === 'resent-bcc');
  const hiddenBytes = hidden.reduce((sum, { raw }) => sum + raw.length, 0);
  const header = Buffer.from(
    block.fields.map((field) => (hidden.includes(field) ? '' : field.raw)).join('') + (block.separated ? '\r\n' : ''),
    'latin1',
  );
  async function* bytes(): AsyncGenerator<Buffer> {
    yield header;
    let toSkip = block!.bodyStart;
    for await (const chunk of all) {
      if (toSkip < chunk.length) yield chunk.subarray(toSkip);
      toSkip = Math.max(0, toSkip - chunk.length);
    }
  }
  return { size: (stored) => stored - hiddenBytes, bytes: bytes() };
}
