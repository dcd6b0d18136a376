// Finds at start what was promised before.
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncDirectory } from './durable.ts';
import { decodeHead, decodeMeta, HEAD_BYTES, type RecordMeta } from './record.ts';
import { createSpoolFile, readStateNotes, type SpoolFile, type StateNote, statePathOf } from './spoolFile.ts';

/** The directories of a spool. */
export interface SpoolLayout {
  readonly incoming: string;
  readonly queued: string;
  readonly failed: string;
  readonly damaged: string;
}

export function spoolLayout(directory: string): SpoolLayout {
  const at = (name: string) => join(directory, name);
  return { incoming: at('incoming'), queued: at('queued'), failed: at('failed'), damaged: at('damaged') };
}

/** A promised record found on disk. */
export interface FoundRecord {
  readonly file: SpoolFile;
  readonly offset: number;
  readonly startLength: number;
  readonly bytes: number;
  readonly meta: RecordMeta;
  readonly note: Extract<StateNote, { attempts: number }> | undefined;
}

/** Makes the directories, durable, readable by the edge alone. */
export async function prepareDirectories(directory: string, layout: SpoolLayout): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const path of Object.values(layout) as string[]) await mkdir(path, { recursive: true, mode: 0o700 });
  await syncDirectory(directory);
}

/** Deletes half-received messages: nobody was promised anything about them. Returns how many there were. */
export async function sweepIncoming(layout: SpoolLayout): Promise<number> {
  const names = await readdir(layout.incoming);
  for (const name of names) await rm(join(layout.incoming, name), { force: true });
  return names.length;
}

/** Reads the record of a message with a file of its own; undefined, and the file put aside, when it is damaged. */
export async function recoverOwnFile(path: string, layout: SpoolLayout): Promise<FoundRecord | undefined> {
  const handle = await open(path, 'r');
  let found: Omit<FoundRecord, 'file' | 'note'> | undefined;
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    await handle.read(head, 0, HEAD_BYTES, 0);
    const lengths = decodeHead(head);
    if (lengths) {
      const json = Buffer.alloc(lengths.metaLength);
      await handle.read(json, 0, json.length, HEAD_BYTES);
      const meta = decodeMeta(json, lengths.metaCrc);
      const startLength = HEAD_BYTES + lengths.metaLength;
      if (meta && (await handle.stat()).size === startLength + lengths.bytes)
        found = { offset: 0, startLength, bytes: lengths.bytes, meta };
    }
  } finally {
    await handle.close();
  }
  if (!found) {
    await putAside(path, layout);
    return undefined;
  }
  const note = (await readStateNotes(path)).get(0);
  return { ...found, file: createSpoolFile(path, 1, true), note: note && 'attempts' in note ? note : undefined };
}

/** Moves a damaged file to where nothing sends it and a person can look at it. */
export async function putAside(path: string, layout: SpoolLayout): Promise<void> {
  await rename(path, join(layout.damaged, basename(path)));
  await rm(statePathOf(path), { force: true });
}
