// Mail kept for a person: each with a file of its own, and the reason beside it.
import { open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncDirectory } from './durable.ts';
import { HEAD_BYTES } from './record.ts';
import type { SpoolLayout } from './recovery.ts';
import type { FailedEntry } from './spool.ts';
import type { RecordPlace } from './storedMessage.ts';

/** The reason as it lies beside the message. */
export type FailureNote = Omit<FailedEntry, 'bytes'>;

/** Path of a failed message. */
export function failedPath(layout: SpoolLayout, id: string): string {
  return join(layout.failed, `${id}.mail`);
}

/** Puts the record into a file of its own at `target`, durable. A file that holds nothing else is moved. */
export async function extractRecord(place: RecordPlace, target: string): Promise<void> {
  if (place.path.endsWith('.mail')) await rename(place.path, target);
  else {
    const source = await open(place.path, 'r');
    try {
      const bytes = Buffer.alloc(place.startLength + place.bytes);
      await source.read(bytes, 0, bytes.length, place.offset);
      await writeFile(target, bytes, { mode: 0o600, flush: true });
    } finally {
      await source.close();
    }
  }
  await syncDirectory(join(target, '..'));
}

/** Keeps the record as failed. */
export async function keepFailed(place: RecordPlace, layout: SpoolLayout, note: FailureNote): Promise<void> {
  const reason = join(layout.failed, `${place.id}.json`);
  await writeFile(reason, `${JSON.stringify(note)}\n`, { mode: 0o600, flush: true });
  await extractRecord(place, failedPath(layout, place.id));
}

/** Everything that failed, oldest first. */
export async function listFailed(layout: SpoolLayout): Promise<FailedEntry[]> {
  const names = (await readdir(layout.failed)).filter((name) => name.endsWith('.mail')).sort();
  return Promise.all(
    names.map(async (name) => {
      const id = basename(name, '.mail');
      const unknown: FailureNote = { id, attempts: 0, code: 'unknown', reason: 'The reason was lost.', failedAt: '' };
      const note = await readFile(join(layout.failed, `${id}.json`), 'utf8').then(
        (text) => JSON.parse(text) as FailureNote,
        () => unknown,
      );
      const { size } = await stat(join(layout.failed, name));
      return { ...note, id, bytes: Math.max(0, size - HEAD_BYTES) };
    }),
  );
}

/** Deletes a failed message and its reason. */
export async function deleteFailed(layout: SpoolLayout, id: string): Promise<void> {
  await rm(failedPath(layout, id), { force: true });
  await rm(join(layout.failed, `${id}.json`), { force: true });
}
