/**
 * The mail account's two containers: `mail/{caller}/{id}` holds the stored message until it is sent,
 * `state/{caller}/{id}` what is known of it (see messageState.ts). Every change of a state is conditional.
 */
import type { Readable } from 'node:stream';
import type {
  BlobDownloadResponseParsed,
  BlobServiceClient,
  BlockBlobClient,
  ContainerClient,
} from '@azure/storage-blob';
import { isCallerName } from '../wiring/callers.ts';
import { type MessageStateRecord, parseMessageState } from './messageState.ts';

export const MAIL_CONTAINER = 'mail';
export const STATE_CONTAINER = 'state';

/** Names one mail: ids are each caller's own namespace. */
export interface MessageKey {
  readonly caller: string;
  readonly id: string;
}

/** A state record as read, with the ETag that a change must name. */
export interface StoredState {
  readonly record: MessageStateRecord;
  readonly etag: string;
}

/** What listing `state/` tells of one mail: its state too, unless an older version wrote the record. */
export interface ListedState extends MessageKey {
  readonly state?: string;
  /** When the record was last written. */
  readonly changedAt?: Date;
}

/** What listing `mail/` tells of one body. */
export interface StoredBody extends MessageKey {
  readonly size: number;
  readonly createdAt: Date;
}

export interface MessageStore {
  /** A writer for the body; nothing is visible until its `commit`. */
  newBody(key: MessageKey): BodyWriter;
  /** The body's bytes as a stream, or undefined when there is none. */
  openBody(key: MessageKey): Promise<Readable | undefined>;
  /** SHA-256 that was given to `commit`, or undefined when there is no body. */
  bodyDigest(key: MessageKey): Promise<string | undefined>;
  /** The same, and since when the body is there. */
  describeBody(key: MessageKey): Promise<{ readonly sha256: string | undefined; readonly createdAt: Date } | undefined>;
  /** Deletes the body; none is fine. */
  deleteBody(key: MessageKey): Promise<void>;
  /** Every body there is: all unfinished mail, and the odd leftover. */
  listBodies(): AsyncIterable<StoredBody>;
  /** Every mail that is known of, finished or not: receipts are kept for 35 days. */
  listStates(): AsyncIterable<ListedState>;
  readState(key: MessageKey): Promise<StoredState | undefined>;
  /** Creates the record; false when one exists. */
  createState(record: MessageStateRecord): Promise<boolean>;
  /** Replaces the record if its ETag is still `etag`; the new state, or undefined when somebody was faster. */
  replaceState(record: MessageStateRecord, etag: string): Promise<StoredState | undefined>;
  /** Writes `value` under `mark` unless something stands there, and returns what stands there: who was first. */
  markOnce(mark: string, value: string): Promise<string>;
  /** Whether an administrator has paused delivery; every worker asks. */
  isPaused(): Promise<boolean>;
  setPaused(paused: boolean): Promise<void>;
  /** Says the pause again where there is one, because old blobs are deleted, and whether there is; never undoes a resume. */
  renewPause(): Promise<boolean>;
}

/** Takes a body in pieces of any size, never holding more than a block of it. */
export interface BodyWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the body visible; false when one is there already (If-None-Match). */
  commit(sha256: string): Promise<boolean>;
}

/** Bytes staged at a time: a small mail is one request, a large one never held whole. */
const BLOCK_BYTES = 4 * 1024 * 1024;
const DIGEST_METADATA = 'bodysha256';
const WRITE_TOKEN = 'write';
const STATE_METADATA = 'state';
const NOT_FOUND = [404];
/** 409 where a blob exists already (BlobAlreadyExists), 412 where a condition failed in general. */
const CONDITION_FAILED = [409, 412];
/** Where marks stand in the state container; no caller can have this name. */
const MARKS = '_marks';
/** Stands there while delivery is paused by an administrator. */
const PAUSED = '_control/paused';

/** The store over Azure Blob Storage. The containers must exist: infrastructure makes them. */
export function createBlobMessageStore(blobs: BlobServiceClient): MessageStore {
  const mail = blobs.getContainerClient(MAIL_CONTAINER);
  const states = blobs.getContainerClient(STATE_CONTAINER);
  const body = (key: MessageKey) => blobOf(mail, key);
  const state = (key: MessageKey) => blobOf(states, key);

  return {
    newBody: (key) => createBlockWriter(body(key)),

    async openBody(key) {
      // A large mail is read for as long as its upload takes; where the connection breaks, reading goes on behind it.
      const answer = await unlessStatus(NOT_FOUND, body(key).download(0, undefined, { maxRetryRequests: 5 }));
      return answer?.readableStreamBody as Readable | undefined;
    },

    async bodyDigest(key) {
      return (await unlessStatus(NOT_FOUND, body(key).getProperties()))?.metadata?.[DIGEST_METADATA];
    },

    async describeBody(key) {
      const found = await unlessStatus(NOT_FOUND, body(key).getProperties());
      return found && { sha256: found.metadata?.[DIGEST_METADATA], createdAt: found.createdOn ?? new Date(0) };
    },

    async deleteBody(key) {
      await body(key).deleteIfExists();
    },

    async *listBodies() {
      for await (const blob of mail.listBlobsFlat()) {
        const [caller, id] = blob.name.split('/');
        if (!caller || !id) continue;
        const { contentLength = 0, createdOn = new Date(0) } = blob.properties;
        yield { caller, id, size: contentLength, createdAt: createdOn };
      }
    },

    async *listStates() {
      for await (const blob of states.listBlobsFlat({ includeMetadata: true })) {
        const [caller, id] = blob.name.split('/');
        const state = blob.metadata?.[STATE_METADATA];
        if (!caller || !id || !isCallerName(caller)) continue;
        yield { caller, id, changedAt: blob.properties.lastModified, ...(state !== undefined && { state }) };
      }
    },

    async readState(key) {
      const blob = state(key);
      const answer = await unlessStatus(NOT_FOUND, blob.download());
      if (!answer) return undefined;
      return { record: parseMessageState(await textOf(answer)), etag: answer.etag! };
    },

    async createState(record) {
      const metadata = { [STATE_METADATA]: record.state };
      return (await writeIf(state(record), JSON.stringify(record), { ifNoneMatch: '*' }, metadata)) !== undefined;
    },

    async replaceState(record, etag) {
      const metadata = { [STATE_METADATA]: record.state };
      const next = await writeIf(state(record), JSON.stringify(record), { ifMatch: etag }, metadata);
      return next === undefined ? undefined : { record, etag: next };
    },

    isPaused: () => states.getBlobClient(PAUSED).exists(),

    async setPaused(paused) {
      const blob = states.getBlockBlobClient(PAUSED);
      if (paused) await writeIf(blob, JSON.stringify({ at: new Date().toISOString() }), {});
      else await blob.deleteIfExists();
    },

    async renewPause() {
      const blob = states.getBlockBlobClient(PAUSED);
      const found = await unlessStatus(NOT_FOUND, blob.getProperties());
      if (!found?.etag) return false;
      const at = new Date().toISOString();
      // Whoever changed it meanwhile has resumed delivery, or paused it anew.
      return (await writeIf(blob, JSON.stringify({ at }), { ifMatch: found.etag })) !== undefined || blob.exists();
    },

    async markOnce(mark, value) {
      const blob = states.getBlockBlobClient(`${MARKS}/${mark}`);
      if ((await writeIf(blob, value, { ifNoneMatch: '*' })) !== undefined) return value;
      return textOf(await blob.download());
    },
  };
}

async function textOf(answer: BlobDownloadResponseParsed): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer.readableStreamBody as Readable) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function blobOf(container: ContainerClient, { caller, id }: MessageKey): BlockBlobClient {
  return container.getBlockBlobClient(`${caller}/${id}`);
}

/**
 * Writes the text if the condition holds; its ETag, or undefined when the condition failed. The SDK repeats a write whose
 * answer was lost, and the repetition meets the first one's work: a token tells that from somebody else's.
 */
async function writeIf(
  blob: BlockBlobClient,
  text: string,
  conditions: { ifMatch?: string; ifNoneMatch?: string },
  metadata: Record<string, string> = {},
): Promise<string | undefined> {
  const token = crypto.randomUUID();
  const written = await unlessStatus(
    CONDITION_FAILED,
    blob.upload(text, Buffer.byteLength(text), {
      conditions,
      metadata: { ...metadata, [WRITE_TOKEN]: token },
      blobHTTPHeaders: { blobContentType: 'application/json' },
    }),
  );
  if (written) return written.etag;
  const found = await unlessStatus(NOT_FOUND, blob.getProperties());
  return found?.metadata?.[WRITE_TOKEN] === token ? found.etag : undefined;
}

function createBlockWriter(blob: BlockBlobClient): BodyWriter {
  // Two uploads of one mail may run at once: their blocks must not mix.
  const upload = crypto.randomUUID();
  const blocks: string[] = [];
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let block: Buffer | undefined;

  async function stage(): Promise<void> {
    // Always the same memory: left to the garbage collector, a large mail would pile up as 4 MB pieces.
    block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
    let filled = 0;
    for (const piece of pending) {
      block.set(piece, filled);
      filled += piece.length;
    }
    const bytes = block.subarray(0, filled);
    pending = [];
    pendingBytes = 0;
    const name = Buffer.from(`${upload}-${String(blocks.length).padStart(6, '0')}`).toString('base64');
    await blob.stageBlock(name, bytes, bytes.length);
    blocks.push(name);
  }

  return {
    async write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const piece = chunk.subarray(at, at + BLOCK_BYTES - pendingBytes);
        pending.push(piece);
        pendingBytes += piece.length;
        at += piece.length;
        if (pendingBytes === BLOCK_BYTES) await stage();
      }
    },

    async commit(sha256) {
      const options = { conditions: { ifNoneMatch: '*' }, metadata: { [DIGEST_METADATA]: sha256 } };
      if (blocks.length === 0) {
        const bytes = Buffer.concat(pending);
        if (await unlessStatus(CONDITION_FAILED, blob.upload(bytes, bytes.length, options))) return true;
        // Azurite takes the blocks of an upload that broke off for a blob; committing a block list replaces them.
        if (await blob.exists()) return false;
      }
      if (pendingBytes > 0) await stage();
      try {
        return (await unlessStatus(CONDITION_FAILED, blob.commitBlockList(blocks, options))) !== undefined;
      } catch (error) {
        // Somebody else's commit of the same mail threw our staged blocks away: same meaning as 409.
        if (codeOf(error) === 'InvalidBlockList' && (await blob.exists())) return false;
        throw error;
      }
    },
  };
}

/** The result, or undefined when the service answered with one of `statuses`. */
async function unlessStatus<T>(statuses: readonly number[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && statuses.includes((error as { statusCode?: number }).statusCode ?? 0))
      return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? ((error as { code?: string }).code ?? undefined) : undefined;
}
