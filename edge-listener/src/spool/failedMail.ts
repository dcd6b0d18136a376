// Mail kept for a person: each with a file of its own, and the reason beside it.
import { open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncDirectory } from './durable.ts';
import { inParallel } from './inParallel.ts';
import { HEAD_BYTES } from './record.ts';
import type { SpoolLayout } from './recovery.ts';
import type { FailedEntry } from './spool.ts';
import type { RecordPlace } from './storedMessage.ts';

/** The reason as it lies beside the message. */
export type FailureNote = Omit<FailedEntry, 'bytes'>;

/** How many failed messages are read at once. */
const READ_AT_ONCE = 16;

/** Path of a failed message. */
export function failedPath(layout: SpoolLayout, id: string): string {
  return join(layout.failed, `${id}.mail`);
}

/**
 * Puts the record into a file of its own at `target`, durable: there whole or not at all, whenever the power fails.
 * A file that holds nothing else is moved.
 */
export async function extractRecord(place: RecordPlace, target: string, layout: SpoolLayout): Promise<void> {
  const isOwn = place.path.endsWith('.mail');
  if (isOwn) await rename(place.path, target);
  else await copyRecord(place, target, join(layout.incoming, `${place.id}.moving`)); // swept at start
  try {
    await syncDirectory(join(target, '..'));
  } catch (error) {
    // The caller goes on with the message where it was. Where that fails too, the next start finds it at the target.
    await (isOwn ? rename(target, place.path) : rm(target, { force: true })).catch(() => undefined);
    throw error;
  }
}

async function copyRecord(place: RecordPlace, target: string, temporary: string): Promise<void> {
  const source = await open(place.path, 'r');
  try {
    const bytes = Buffer.alloc(place.startLength + place.bytes);
    await source.read(bytes, 0, bytes.length, place.offset);
    await writeFile(temporary, bytes, { mode: 0o600, flush: true });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // swept at start
    throw error;
  } finally {
    await source.close();
  }
}

/** Keeps the record as failed. */
export async function keepFailed(place: RecordPlace, layout: SpoolLayout, note: FailureNote): Promise<void> {
  const reason = reasonPath(layout, place.id);
  await writeFile(reason, `${JSON.stringify(note)}\n`, { mode: 0o600, flush: true });
  await extractRecord(place, failedPath(layout, place.id), layout);
}

function reasonPath(layout: SpoolLayout, id: string): string {
  return join(layout.failed, `${id}.json`);
}

/** The ids of everything that failed, oldest first. */
export async function failedIds(layout: SpoolLayout): Promise<string[]> {
  const names = (await readdir(layout.failed)).filter((name) => name.endsWith('.mail'));
  return names.map((name) => basename(name, '.mail')).sort();
}

/** Everything that failed, oldest first. */
export async function listFailed(layout: SpoolLayout): Promise<FailedEntry[]> {
  const ids = await failedIds(layout);
  const found = new Map<string, FailedEntry>();
  await inParallel(ids, READ_AT_ONCE, async (id) => {
    const entry = await readFailed(layout, id);
    if (entry) found.set(id, entry);
  });
  return ids.flatMap((id) => found.get(id) ?? []);
}

/** One failed message; undefined when it is not there (any more). */
export async function readFailed(layout: SpoolLayout, id: string): Promise<FailedEntry | undefined> {
  const unknown: FailureNote = { id, attempts: 0, code: 'unknown', reason: 'The reason was lost.', failedAt: '' };
  const note = await readFile(reasonPath(layout, id), 'utf8')
    .then((text) => JSON.parse(text) as FailureNote)
    .catch(() => unknown); // the message is what counts
  try {
    const { size, mtime } = await stat(failedPath(layout, id));
    return { ...note, failedAt: note.failedAt || mtime.toISOString(), id, bytes: Math.max(0, size - HEAD_BYTES) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Deletes a failed message and its reason, for good. */
export async function deleteFailed(layout: SpoolLayout, id: string): Promise<void> {
  await rm(failedPath(layout, id), { force: true });
  await deleteReason(layout, id);
  await syncDirectory(layout.failed);
}

/** Deletes the reason of a message that is not there any more. */
export async function deleteReason(layout: SpoolLayout, id: string): Promise<void> {
  await rm(reasonPath(layout, id), { force: true });
}
