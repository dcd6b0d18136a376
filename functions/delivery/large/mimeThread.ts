/**
 * The thread that reads MIME: a message built to hang or to explode a parser costs this thread, never the process. It
 * holds no credential and knows no address; it is fed piece by piece and killed when it takes too long.
 */
import { createHash } from 'node:crypto';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type AttachmentStream, MailParser } from 'mailparser';
import { LineWiseDecoder } from './lineWiseDecoder.ts';
import type { FromThread, PartHead, ThreadTask, ToThread } from './mimeProtocol.ts';
import { partName } from './partName.ts';

/** Bytes handed over at a time. */
const HAND_OVER_BYTES = 256 * 1024;

const { bytes: bytesWanted, limits } = workerData as ThreadTask;
const port = parentPort!;
const say = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

let answered: ((message: ToThread) => void) | undefined;
let goOn: ((memory: ArrayBuffer) => void) | undefined;
port.on('message', (message: ToThread) => {
  if (message.type === 'goOn') goOn?.(message.memory);
  else answered?.(message);
});

/** A node of the tree that the parser builds; it shows none of it but what is here. */
interface ParsedNode {
  /** Raw header lines, folds included, one character per byte. */
  readonly headerLines?: readonly { readonly key: string; readonly line: string }[];
  readonly contentType?: string | false;
  readonly isAttachment?: boolean;
  readonly children?: readonly ParsedNode[];
}

/** A part whose header the parser has just read. */
interface NewPart {
  readonly encoding: string | false;
  getDecoder(): Transform;
}

/** What the parser has made of the next bytes. */
interface Chunk {
  readonly type: string;
  readonly value?: Buffer;
}

/** The parser, with what it calls for each part and for each chunk of one: its types do not tell. */
const Parser = MailParser as unknown as new (
  options: ConstructorParameters<typeof MailParser>[0],
) => MailParser & { createNode(part: NewPart): unknown; processChunk(chunk: Chunk, done: () => void): void };

/** A parser that keeps a plain text which stands beside html, instead of dropping it, and no part of any size in memory. */
class PartParser extends Parser {
  /** The part that is being read, and the message. */
  declare curnode?: ParsedNode;
  declare tree?: ParsedNode;

  override createNode(part: NewPart): unknown {
    const newDecoder = part.getDecoder.bind(part);
    if (part.encoding === 'quoted-printable') part.getDecoder = () => new LineWiseDecoder(newDecoder);
    return super.createNode(part);
  }

  override processChunk(chunk: Chunk, done: () => void): void {
    if (chunk.type === 'body' && this.curnode?.isAttachment) outside -= chunk.value?.length ?? 0;
    super.processChunk(chunk, done);
  }

  override textToHtml(text: string): string {
    const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    return `<div style="white-space:pre-wrap">${escaped}</div>`;
  }

  /** Those lines of the current part's header that may hold a file name. */
  nameLines(): string[] {
    const lines = this.curnode?.headerLines ?? [];
    return lines.filter(({ key }) => key === 'content-disposition' || key === 'content-type').map(({ line }) => line);
  }
}

/**
 * Whether the parser dropped something that may be content, or took it for something else: a container in which it found
 * no part; a line in a part's header that is no field, so that the content may begin there; a message in a digest, which
 * need not say that it is one (RFC 2046 section 5.1.5).
 */
function losesContent(node: ParsedNode): boolean {
  const { headerLines = [], contentType, children = [] } = node;
  if (children.length === 0 && String(contentType).startsWith('multipart/')) return true;
  const isTyped = (part: ParsedNode) => part.headerLines?.some(({ key }) => key === 'content-type');
  if (contentType === 'multipart/digest' && !children.every(isTyped)) return true;
  const runsOn = node !== parser.tree && headerLines.some(({ line }) => line !== '' && !/^[^\s:]+[ \t]*:/.test(line));
  return runsOn || children.some(losesContent);
}

// Everything that costs more than a pass over the bytes is off: the conversions between html and text are where a few
// kilobytes can keep a parser busy for minutes. Attached messages stay attachments.
const parser = new PartParser({
  skipHtmlToText: true,
  skipImageLinks: true,
  skipTextLinks: true,
  checksumAlgo: false,
  ignoreEmbedded: true,
  keepDeliveryStatus: true,
  maxChildNodes: limits.parts,
  maxHeadSize: limits.headerBytes,
});

/** Bytes that were read and went into no attachment, or not yet. */
let outside = 0;

async function* pieces(): AsyncGenerator<Buffer> {
  for (;;) {
    const reply = new Promise<ToThread>((resolve) => {
      answered = resolve;
    });
    say({ type: 'want' });
    const message = await reply;
    if (message.type !== 'piece') return;
    outside += message.bytes.length;
    if (outside > limits.bodyBytes) throw new Error(`More than ${limits.bodyBytes} bytes are in no attachment.`);
    yield Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.length);
  }
}

let memory = new ArrayBuffer(HAND_OVER_BYTES);

/**
 * Hands a part's bytes over in large pieces, each only when the one before is dealt with. Their memory goes to and fro:
 * left to the garbage collectors of two threads, it would pile up.
 */
function createHandOver() {
  let piece = new Uint8Array(memory);
  let filled = 0;
  async function flush(): Promise<void> {
    if (filled === 0) return;
    const dealtWith = new Promise<ArrayBuffer>((resolve) => {
      goOn = resolve;
    });
    say({ type: 'bytes', bytes: piece.subarray(0, filled) }, [piece.buffer]);
    filled = 0;
    memory = await dealtWith;
    piece = new Uint8Array(memory);
  }
  return {
    async write(chunk: Buffer): Promise<void> {
      for (let at = 0; at < chunk.length; ) {
        const taken = chunk.copy(piece, filled, at, at + HAND_OVER_BYTES - filled);
        at += taken;
        filled += taken;
        if (filled === HAND_OVER_BYTES) await flush();
      }
    },
    flush,
  };
}

function headOf(part: AttachmentStream): PartHead {
  const type = part.headers.get('content-type') as { value?: unknown; params?: Record<string, string> } | undefined;
  const encoding = part.headers.get('content-transfer-encoding');
  return {
    name: partName(part.filename || '', parser.nameLines()),
    contentType: typeof type?.value === 'string' ? type.value.toLowerCase().trim() : '',
    contentId: part.cid ?? '',
    disposition: part.contentDisposition || '',
    encoding: typeof encoding === 'string' ? encoding.toLowerCase().trim() : '',
    scheduling: type?.params?.method !== undefined,
  };
}

async function readPart(part: AttachmentStream): Promise<void> {
  say({ type: 'part', part: headOf(part) });
  const hash = createHash('sha256');
  const handOver = createHandOver();
  let size = 0;
  for await (const chunk of part.content as Readable) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (bytesWanted) await handOver.write(chunk as Buffer);
  }
  await handOver.flush();
  say({ type: 'partEnd', size, sha256: hash.digest('hex') });
  part.release?.();
}

async function readParts(): Promise<void> {
  for await (const part of parser as AsyncIterable<AttachmentStream | { type: 'text'; text?: string; html?: string }>) {
    if (part.type === 'attachment') await readPart(part);
    else if (parser.tree && losesContent(parser.tree)) throw new Error('A part of the message is not well formed.');
    else say({ type: 'body', text: part.text ?? '', html: part.html ?? '' });
  }
}

Promise.all([pipeline(Readable.from(pieces(), { highWaterMark: 1 }), parser), readParts()])
  .then(() => say({ type: 'done' }))
  .catch((error: unknown) => say({ type: 'gaveUp', reason: error instanceof Error ? error.message : String(error) }))
  .finally(() => port.close());
