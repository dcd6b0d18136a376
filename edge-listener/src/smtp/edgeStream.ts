// smtp-server's command parser with a DATA phase of our own.
import type { SMTPServerDataStream } from 'smtp-server';
import { SMTPStream, type SMTPStreamOptions } from 'smtp-server/lib/smtp-stream.js';
import { createDataDecoder, type DataDecoder } from './dataDecoder.ts';

/** The first two bytes of a TLS handshake record, since SSL 3.0. */
export const TLS_HANDSHAKE = 0x16;
const TLS_MAJOR = 3;

export interface EdgeStreamOptions extends SMTPStreamOptions {
  /** Take LF . LF as the end of a message, for old devices. */
  readonly bareLfEnd?: boolean;
}

/**
 * The library yields to the event loop at every escaped dot, so that 20 MB of `..` lines cost 15 seconds; this one
 * reads them at the speed of any other text.
 */
export class EdgeStream extends SMTPStream {
  /** Called when the very first bytes are those of TLS; they are not read as commands then. */
  ontlshello: () => void = () => undefined;
  readonly #bareLfEnd: boolean;
  #begun = false;
  #decoder: DataDecoder;

  constructor({ bareLfEnd = false, ...options }: EdgeStreamOptions = {}) {
    super(options);
    this.#bareLfEnd = bareLfEnd;
    this.#decoder = createDataDecoder();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, next: (error?: Error | null) => void): void {
    const first = !this.#begun;
    this.#begun = true;
    if (first && chunk[0] === TLS_HANDSHAKE && (chunk[1] ?? TLS_MAJOR) === TLS_MAJOR) {
      this.ontlshello();
      next();
      return;
    }
    super._write(chunk, encoding, next);
  }

  override startDataMode(maxBytes?: number | string | null): SMTPServerDataStream {
    this.#decoder = createDataDecoder({ bareLfEnd: this.#bareLfEnd });
    return super.startDataMode(maxBytes);
  }

  /** True when the message under way looks as if its sender ended it with LF . LF. */
  get endsInBareLfDot(): boolean {
    return this.#decoder.endsInBareLfDot;
  }

  override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
    const { data, rest } = this.#decoder.push(chunk);
    this._countDataBytes(data.length);
    if (rest) {
      this._endDataMode(data.length > 0 ? data : false, rest, done);
      return;
    }
    const stream = this._dataStream;
    if (data.length === 0 || !stream?.writable || stream.write(data) || stream.destroyed) {
      done();
      return;
    }
    // A stream that the reader destroys never drains, it only closes.
    const resume = () => {
      stream.removeListener('drain', resume);
      stream.removeListener('close', resume);
      done();
    };
    stream.once('drain', resume);
    stream.once('close', resume);
  }
}
