// A file that holds promised messages, and the notes about them beside it.
import { open, readFile, rm } from 'node:fs/promises';

/**
 * What became of the record at `at`, one JSON line in the `.state` file; the last line about a record counts.
 * `at: -1` is about the file: nothing from `end` on was ever promised.
 */
export type StateNote =
  | { readonly at: number; readonly attempts: number; readonly due: number; readonly first: number }
  | { readonly at: number; readonly gone: true }
  | { readonly at: -1; readonly end: number };

/**
 * One file of records. It is deleted when it is sealed (nothing will be added) and no record in it is needed.
 *
 * A note need not be synced where losing it makes the edge forward a message once more, which the function app
 * recognises by its id, or try again sooner. Whoever needs more calls `noteDurably`.
 */
export interface SpoolFile {
  readonly path: string;
  /** Records in the file that are still needed. */
  live: number;
  /** True when nothing will be added. */
  sealed: boolean;
  /** Resolves when the note is in the file. Notes of the same moment are written together. */
  note(note: StateNote): Promise<void>;
  /** As `note`, and resolves when the note is on the disk itself; its name there may need a sync of the directory. */
  noteDurably(note: StateNote): Promise<void>;
  /** Deletes the file and its notes if nobody needs them any more. */
  reclaim(): Promise<void>;
  /** To be told when the file was moved elsewhere: what is at its path from now on is not its own. */
  moved(): Promise<void>;
}

/** Path of the notes about the file at `path`. */
export function statePathOf(path: string): string {
  return `${path}.state`;
}

export function createSpoolFile(path: string, live: number, sealed: boolean): SpoolFile {
  let lines = '';
  let durable = false;
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  let deleted = false;

  async function writeNotes(): Promise<void> {
    next = undefined;
    if (deleted) return;
    const text = lines;
    const sync = durable;
    lines = '';
    durable = false;
    try {
      const handle = await open(statePathOf(path), 'a', 0o600);
      try {
        await handle.appendFile(text);
        if (sync) await handle.datasync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      lines = `\n${text}${lines}`; // whoever asked is told, and the next note takes it along, after a torn line
      throw error;
    }
  }

  function write(note: StateNote): Promise<void> {
    lines += `${JSON.stringify(note)}\n`;
    next ??= writing.catch(() => undefined).then(writeNotes); // whoever wrote the earlier notes was told
    writing = next;
    return next;
  }

  async function removeNotes(): Promise<void> {
    await writing.catch(() => undefined); // as above
    await rm(statePathOf(path), { force: true });
  }

  const file: SpoolFile = {
    path,
    live,
    sealed,
    note: write,
    noteDurably(note) {
      durable = true;
      return write(note);
    },
    async reclaim() {
      if (deleted || !file.sealed || file.live > 0) return;
      deleted = true;
      try {
        await rm(path, { force: true });
      } catch (error) {
        deleted = false;
        throw error;
      }
      await removeNotes();
    },
    async moved() {
      deleted = true;
      await removeNotes();
    },
  };
  return file;
}

/** The notes about the file at `path`, by record. A line that a power cut left torn is passed over. */
export async function readStateNotes(path: string): Promise<Map<number, StateNote>> {
  const notes = new Map<number, StateNote>();
  let text: string;
  try {
    text = await readFile(statePathOf(path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return notes;
    throw error;
  }
  for (const line of text.split('\n')) {
    const note = parseNote(line);
    if (note) notes.set(note.at, note);
  }
  return notes;
}

function parseNote(line: string): StateNote | undefined {
  try {
    const note = JSON.parse(line) as StateNote;
    return typeof note.at === 'number' ? note : undefined;
  } catch {
    return undefined; // torn by a power cut; see the comment on SpoolFile
  }
}
