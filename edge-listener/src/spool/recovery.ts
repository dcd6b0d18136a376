// Finds at start what was promised before.
import { hash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncDirectory } from './durable.ts';
import { failedIds, failedPath } from './failedMail.ts';
import { inParallel } from './inParallel.ts';
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

/** The head and JSON of nearly every message; a longer one is read again. */
const USUAL_START_BYTES = 2048;

/** How many messages with files of their own are looked at at once. */
const LOOK_AT_ONCE = 16;

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
 * Finds everything that is promised and hands each to `adopt`, once. What is also in `failed` is not promised any more,
 * and what a power cut left in two places is one message. Resolves with how much was damaged. No full disk keeps it
 * from going on: what cannot be put aside or cleared away now stays where it is until the next start.
 */
export async function recoverQueued(layout: SpoolLayout, adopt: (found: FoundRecord) => void): Promise<number> {
  const failed = new Set(await failedIds(layout));
  const seen = new Set<string>();
  const names = (await readdir(layout.queued)).sort();
  const withNotes = new Set(names.filter((name) => name.endsWith('.state')).map((name) => name.slice(0, -6)));
  let damaged = 0;

  async function keep(found: FoundRecord): Promise<void> {
    const { id } = found.meta;
    const isFailed = failed.has(id) && (await recoverOwnFile(failedPath(layout, id), layout, false)) !== undefined;
    if (!isFailed && !seen.has(id)) {
      seen.add(id);
      return adopt(found);
    }
    const { file, offset } = found;
    file.live--;
    await (file.live > 0 ? file.noteDurably({ at: offset, gone: true }) : file.reclaim()).catch(() => undefined); // see above
  }

  const readSegment = createSegmentReader(layout);
  for (const name of names.filter((name) => name.endsWith('.segment'))) {
    const finding = await readSegment(join(layout.queued, name));
    damaged += finding.damaged;
    for (const found of finding.records) await keep(found);
  }
  const own = names.filter((name) => name.endsWith('.mail'));
  await inParallel(own, LOOK_AT_ONCE, async (name) => {
    const found = await recoverOwnFile(join(layout.queued, name), layout, withNotes.has(name));
    if (found) await keep(found);
    else damaged++;
  });
  const here = new Set(names);
  for (const name of withNotes)
    if (!here.has(name)) await rm(statePathOf(join(layout.queued, name)), { force: true }).catch(() => undefined); // see above
  return damaged;
}

/**
 * Reads the record of a message with a file of its own; undefined, and the file put aside, when it is damaged. The
 * bytes themselves are checked when the message is opened for forwarding: reading gigabytes now would delay the start.
 */
export async function recoverOwnFile(
  path: string,
  layout: SpoolLayout,
  hasNotes = true,
): Promise<FoundRecord | undefined> {
  const handle = await open(path, 'r');
  let found: Omit<FoundRecord, 'file' | 'note'> | undefined;
  try {
    let start = Buffer.alloc(USUAL_START_BYTES);
    await handle.read(start, 0, start.length, 0);
    const lengths = decodeHead(start);
    if (lengths) {
      const startLength = HEAD_BYTES + lengths.metaLength;
      if (startLength > start.length) {
        start = Buffer.alloc(startLength);
        await handle.read(start, 0, startLength, 0);
      }
      const meta = decodeMeta(start.subarray(HEAD_BYTES, startLength), lengths.metaCrc);
      if (meta && (await handle.stat()).size === startLength + lengths.bytes)
        found = { offset: 0, startLength, bytes: lengths.bytes, meta };
    }
  } finally {
    await handle.close();
  }
  if (!found) {
    await putAside(path, layout).catch(() => undefined); // no room even for that: it stays, and nothing sends it
    return undefined;
  }
  const note = hasNotes ? (await readStateNotes(path)).get(0) : undefined;
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
        const stretch = data.subarray(offset, next);
        if (stretch.some((byte) => byte !== 0)) {
          damaged++;
          await keepStretch(path, layout, stretch, offset).catch(() => file.live++); // no room: the segment stays as it is
        }
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
    if (file.live === 0) await file.reclaim().catch(() => undefined); // it holds nothing that would be sent
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

async function keepStretch(path: string, layout: SpoolLayout, stretch: Buffer, offset: number): Promise<void> {
  await writeFile(join(layout.damaged, `${basename(path)}.${offset}`), stretch, { mode: 0o600 });
}
