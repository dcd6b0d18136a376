/**
 * Messages that come in parts: `mail/{caller}/{id}.parts` holds them as blocks, uncommitted until the message is whole.
 * Uncommitted blocks are in no listing and vanish after a week (Put Block); a committed blob that is left over is swept
 * like any body without a state.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { BlobServiceClient } from '@azure/storage-blob';
import type { PartReceipt } from '../contract/relayProtocol.ts';
import { MAIL_CONTAINER, type MessageKey } from './messageStore.ts';

/** A part as it is staged; other bytes under the same `n` may be staged beside it. */
export type StagedPart = Pick<PartReceipt, 'n' | 'sha256'>;

export interface PartStore {
  /** Stages one part and says what it is. */
  stage(key: MessageKey, n: number, bytes: Buffer): Promise<PartReceipt>;
  /** All staged parts in order of `n`. */
  list(key: MessageKey): Promise<PartReceipt[]>;
  /** The bytes of these parts one after the other; undefined when one of them is not staged (any more). */
  open(key: MessageKey, parts: readonly StagedPart[]): Promise<Readable | undefined>;
  /** Removes what {@link open} made; none is fine. */
  discard(key: MessageKey): Promise<void>;
}

/** The parts over Azure Blob Storage. */
export function createBlobPartStore(blobs: BlobServiceClient): PartStore {
  const mail = blobs.getContainerClient(MAIL_CONTAINER);
  const blobOf = ({ caller, id }: MessageKey) => mail.getBlockBlobClient(`${caller}/${id}.parts`);

  return {
    async stage(key, n, bytes) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await blobOf(key).stageBlock(blockId({ n, sha256 }), bytes, bytes.length);
      return { n, bytes: bytes.length, sha256 };
    },

    async list(key) {
      try {
        const { committedBlocks = [], uncommittedBlocks = [] } = await blobOf(key).getBlockList('all');
        const parts = [...committedBlocks, ...uncommittedBlocks].map(({ name, size }) => ({
          ...partOf(name),
          bytes: size,
        }));
        const once = new Map(parts.map((part) => [blockId(part), part]));
        return [...once.values()].sort((a, b) => a.n - b.n);
      } catch (error) {
        if (statusOf(error) === 404) return [];
        throw error;
      }
    },

    async open(key, parts) {
      const blob = blobOf(key);
      try {
        const { etag } = await blob.commitBlockList(parts.map(blockId));
        // Whoever commits the same upload once more makes this read fail, not mix.
        const { readableStreamBody } = await blob.download(0, undefined, { conditions: { ifMatch: etag! } });
        return readableStreamBody as Readable;
      } catch (error) {
        if (statusOf(error) === 400 || statusOf(error) === 404) return undefined;
        throw error;
      }
    },

    async discard(key) {
      await blobOf(key).deleteIfExists();
    },
  };
}

/** Block ids of one blob have all the same length: number and digest, base64 of 36 bytes. */
function blockId({ n, sha256 }: StagedPart): string {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(n);
  return Buffer.concat([number, Buffer.from(sha256, 'hex')]).toString('base64');
}

function partOf(blockId: string): StagedPart {
  const bytes = Buffer.from(blockId, 'base64');
  return { n: bytes.readUInt32BE(), sha256: bytes.subarray(4).toString('hex') };
}

function statusOf(error: unknown): unknown {
  return error instanceof Error ? (error as { statusCode?: unknown }).statusCode : undefined;
}
