// Accepted messages on disk, one entry each, named so that a sorted listing is the order of acceptance:
//   {number}.{id}.mime     one line of JSON, then the MIME exactly as posted
//   {number}.{id}.draft/   a sent draft: draft.json and its attachments
// An entry has its name only when it is whole, so that whatever a crash leaves half written is not a message.

import { renameSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MOST_HEADER_BYTES } from './mailHeader.ts';
import type { MimeFile } from './mimeReader.ts';

const NAME = /^(\d{12})\.([0-9a-f-]{36})\.(mime|draft)$/;
const LONGEST_FIRST_LINE = 16 * 1024;

/** One message on disk. */
export interface MessageEntry {
  readonly number: number;
  readonly id: string;
  readonly via: 'mime' | 'draft';
}

/** What is written in front of the MIME. */
export interface MimeEntryHead {
  readonly mailbox: string;
  readonly acceptedAt: string;
}

/** A MIME entry. */
export interface StoredMime extends MimeFile {
  readonly head: MimeEntryHead;
  /** Size of the MIME. */
  readonly bytes: number;
  /** The MIME's first bytes: its whole header, unless that is larger than any real one. */
  readonly start: Buffer;
}

/** A message is being written; its entry does not exist yet. */
export interface PendingMime {
  /** Gives the entry its name: from now on the message is accepted. Synchronous, so that order is certain. */
  commit(number: number): MessageEntry;
}

export interface MessageFiles {
  /** All entries, in order of acceptance. */
  list(): Promise<MessageEntry[]>;
  write(id: string, head: MimeEntryHead, mime: Uint8Array): Promise<PendingMime>;
  /** Moves the folder of a draft that was sent in here. Synchronous, like `commit`. */
  adopt(number: number, id: string, folder: string): MessageEntry;
  /** Where the entry is: a file, or the folder of a draft. */
  path(entry: MessageEntry): string;
  /** Opens a MIME entry. */
  openMime(entry: MessageEntry): Promise<StoredMime>;
  remove(entry: MessageEntry): Promise<void>;
}

/** The messages in `folder`, which is created; what a crash left half written is removed. */
export async function openMessageFiles(folder: string): Promise<MessageFiles> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder))
    if (!NAME.test(name)) await rm(join(folder, name), { recursive: true, force: true });

  const path = ({ number, id, via }: MessageEntry) => join(folder, `${String(number).padStart(12, '0')}.${id}.${via}`);
  return {
    path,
    async list() {
      const names = (await readdir(folder)).sort();
      return names.flatMap((name) => {
        const match = NAME.exec(name);
        return match ? [{ number: Number(match[1]), id: match[2]!, via: match[3] as MessageEntry['via'] }] : [];
      });
    },
    async write(id, head, mime) {
      const temporary = join(folder, `${id}.tmp`);
      await writeFile(temporary, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), mime]));
      return {
        commit(number) {
          const entry = { number, id, via: 'mime' } as const;
          renameSync(temporary, path(entry));
          return entry;
        },
      };
    },
    adopt(number, id, from) {
      const entry = { number, id, via: 'draft' } as const;
      renameSync(from, path(entry));
      return entry;
    },
    async openMime(entry) {
      const file = await open(path(entry));
      try {
        return await readStart(file, path(entry));
      } finally {
        await file.close();
      }
    },
    remove: (entry) => rm(path(entry), { recursive: true, force: true }),
  };
}

async function readStart(file: FileHandle, path: string): Promise<StoredMime> {
  const { size } = await file.stat();
  const length = Math.min(size, LONGEST_FIRST_LINE + MOST_HEADER_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, 0);
  const start = buffer.subarray(0, bytesRead);
  const end = start.indexOf(10);
  if (end < 0) throw new Error(`${path} is not a message of the sandbox: its first line has no end.`);
  return {
    head: JSON.parse(start.toString('utf8', 0, end)) as MimeEntryHead,
    path,
    offset: end + 1,
    bytes: size - end - 1,
    start: start.subarray(end + 1),
  };
}
