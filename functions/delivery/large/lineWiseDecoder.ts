import { Transform, type TransformCallback } from 'node:stream';

/** Bytes that are decoded at a time. */
const BLOCK_BYTES = 64 * 1024;
/** RFC 2045 section 6.7 allows 76 characters. What goes on for longer than this was built to fill the memory. */
const MOST_BYTES_OF_LINE = 1024 * 1024;

/**
 * Decodes quoted-printable a block of whole lines at a time: the parser's own decoder keeps a part until its end, and
 * works on several copies of it. A part without line ends is an error.
 */
export class LineWiseDecoder extends Transform {
  readonly #newDecoder: () => Transform;
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** @param newDecoder makes a decoder that is given one block of lines, whole */
  constructor(newDecoder: () => Transform) {
    super();
    this.#newDecoder = newDecoder;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hold(chunk);
    if (this.#heldBytes < BLOCK_BYTES) done();
    else if (this.#heldBytes > MOST_BYTES_OF_LINE)
      done(new Error(`A line of quoted-printable has more than ${MOST_BYTES_OF_LINE} bytes.`));
    else this.#decode(this.#takeLines(), done);
  }

  override _flush(done: TransformCallback): void {
    this.#decode(Buffer.concat(this.#held), done);
  }

  /** What is held, to the last line end. */
  #takeLines(): Buffer {
    const held = Buffer.concat(this.#held);
    const end = held.lastIndexOf('\n') + 1;
    this.#held = [];
    this.#heldBytes = 0;
    this.#hold(held.subarray(end));
    return held.subarray(0, end);
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
  }

  #decode(lines: Buffer, done: TransformCallback): void {
    if (lines.length === 0) {
      done();
      return;
    }
    const decoder = this.#newDecoder();
    decoder.on('data', (decoded: Buffer) => this.push(decoded));
    decoder.once('end', () => done()).once('error', done);
    decoder.end(lines);
  }
}
