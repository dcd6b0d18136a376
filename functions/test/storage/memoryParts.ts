// The parts of one message in memory, for tests of what is built on them.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { PartStore } from '../../storage/partStore.ts';

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export function createMemoryParts(): PartStore {
  const staged = new Map<string, Buffer>();
  return {
    async stage(_, n, bytes) {
      staged.set(`${n} ${sha256Of(bytes)}`, bytes);
      return { n, bytes: bytes.length, sha256: sha256Of(bytes) };
    },
    list: async () =>
      [...staged].map(([name, { length }]) => ({
        n: Number.parseInt(name, 10),
        bytes: length,
        sha256: name.split(' ')[1]!,
      })),
    async open(_, parts) {
      const found = parts.map(({ n, sha256 }) => staged.get(`${n} ${sha256}`));
      return found.every((part) => part !== undefined) ? Readable.from(found) : undefined;
    },
    discard: async () => staged.clear(),
  };
}
