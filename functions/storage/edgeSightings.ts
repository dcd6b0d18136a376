/** Which edge was heard last under a name: `state/_edges/{caller}/{name}`. No caller can have the name `_edges`. */
import type { Readable } from 'node:stream';
import type { BlobServiceClient } from '@azure/storage-blob';
import { z } from 'zod';
import { STATE_CONTAINER } from './messageStore.ts';

const sightingSchema = z.object({ instance: z.string(), at: z.iso.datetime() });
/** An edge that was heard: the id of its spool, and when, ISO 8601. */
export type EdgeSighting = z.infer<typeof sightingSchema>;

export interface EdgeSightings {
  last(caller: string, name: string): Promise<EdgeSighting | undefined>;
  note(caller: string, name: string, sighting: EdgeSighting): Promise<void>;
}

/** The sightings over Azure Blob Storage. */
export function createEdgeSightings(blobs: BlobServiceClient): EdgeSightings {
  const states = blobs.getContainerClient(STATE_CONTAINER);
  const blobOf = (caller: string, name: string) => states.getBlockBlobClient(`_edges/${caller}/${name}`);
  return {
    async last(caller, name) {
      try {
        const { readableStreamBody } = await blobOf(caller, name).download();
        const chunks: Buffer[] = [];
        for await (const chunk of readableStreamBody as Readable) chunks.push(chunk as Buffer);
        return sightingSchema.safeParse(JSON.parse(Buffer.concat(chunks).toString())).data;
      } catch (error) {
        if ((error as { statusCode?: unknown }).statusCode === 404) return undefined;
        throw error;
      }
    },
    async note(caller, name, sighting) {
      const text = JSON.stringify(sighting);
      await blobOf(caller, name).upload(text, Buffer.byteLength(text), {
        blobHTTPHeaders: { blobContentType: 'application/json' },
      });
    },
  };
}
