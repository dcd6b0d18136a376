// Finds at start what was promised before.
import { hash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncDirectory } from './durable.ts';
import { decodeHead, decodeMeta, findHead, HEAD_BYTES, type RecordMeta } from './record.ts';
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

/**
 * Reads the record of a message with a file of its own; undefined, and the file put aside, when it is damaged. The
 * bytes themselves are checked when the message is opened for forwarding: reading gigabytes now would delay the start.
 */
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

/** What a segment held. */
export interface SegmentFinding {
  readonly records: FoundRecord[];
  /** Stretches that are no whole records: copied to `damaged`, unless they are empty. */
  readonly damaged: number;
}

/**
 * A reader that finds every record of a segment and checks all of its bytes. What a power cut left at the end of a
 * segment was not promised; it cannot be told from damage, so whatever is not zeros is kept aside for a person.
 * One buffer serves all segments, so that a long queue does not need memory.
 */
export function createSegmentReader(layout: SpoolLayout): (path: string) => Promise<SegmentFinding> {
  let buffer = Buffer.alloc(0);

  async function load(path: string): Promise<Buffer> {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (buffer.length < size) buffer = Buffer.alloc(size);
      const { bytesRead } = await handle.read(buffer, 0, size, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  return async (path) => {
    const notes = await readStateNotes(path);
    const ending = notes.get(-1);
    const whole = await load(path);
    const data = ending && 'end' in ending ? whole.subarray(0, ending.end) : whole;
    const file = createSpoolFile(path, 0, true);
    const records: FoundRecord[] = [];
    let damaged = 0;
    let offset = 0;
    while (offset < data.length) {
      const record = readRecord(data, offset);
      if (!record) {
        const next = findHead(data, offset + 1) ?? data.length;
        if (await keepStretch(path, layout, data.subarray(offset, next), offset)) damaged++;
        offset = next;
        continue;
      }
      const note = notes.get(offset);
      if (!note || !('gone' in note)) {
        file.live++;
        records.push({ ...record, file, offset, note: note && 'attempts' in note ? note : undefined });
      }
      offset += record.startLength + record.bytes;
    }
    if (file.live === 0) await file.reclaim();
    return { records, damaged };
  };
}

function readRecord(data: Buffer, offset: number): Pick<FoundRecord, 'startLength' | 'bytes' | 'meta'> | undefined {
  const lengths = decodeHead(data.subarray(offset, offset + HEAD_BYTES));
  if (!lengths) return undefined;
  const startLength = HEAD_BYTES + lengths.metaLength;
  const end = offset + startLength + lengths.bytes;
  if (end > data.length) return undefined;
  const meta = decodeMeta(data.subarray(offset + HEAD_BYTES, offset + startLength), lengths.metaCrc);
  if (!meta || hash('sha256', data.subarray(offset + startLength, end), 'base64') !== meta.sha256) return undefined;
  return { startLength, bytes: lengths.bytes, meta };
}

async function keepStretch(path: string, layout: SpoolLayout, stretch: Buffer, offset: number): Promise<boolean> {
  if (stretch.every((byte) => byte === 0)) return false;
  await writeFile(join(layout.damaged, `${basename(path)}.${offset}`), stretch, { mode: 0o600 });
  return true;
}
