// The records of all messages in one file, in order of acceptance: GET /sandbox/messages sends the file as it is.
// It is only a cache of what the message files hold. Each record is ",{json}\n", so that "[" + the file from its
// second byte + "]" is the whole list and no record has to be in memory.

import { createReadStream, openSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { MessageRecord } from './messageRecord.ts';

/** Where a record lies in the file. */
export interface RecordPlace {
  readonly offset: number;
  readonly length: number;
}

export interface RecordLog {
  append(record: MessageRecord): Promise<RecordPlace>;
  read(place: RecordPlace): Promise<MessageRecord>;
  /** All records as the bytes of one JSON array. A list being sent is not touched by what is appended or kept later. */
  stream(): Readable;
  /** Rewrites the file with these records only, in this order; returns their new places. */
  keep(places: readonly RecordPlace[]): Promise<RecordPlace[]>;
  close(): Promise<void>;
}

/**
 * Opens the file and hands each whole record to `known`, which says whether it still belongs there: the file is cut
 * at the first one that does not, and at a record that a crash left half written.
 */
export async function openRecordLog(path: string, known: (record: MessageRecord, place: RecordPlace) => boolean) {
  let file = await open(path, 'a+');
  let size = await replay(file, known);
  await file.truncate(size);
  const log: RecordLog = {
    async append(record) {
      const bytes = Buffer.from(`,${JSON.stringify(record)}\n`);
      await file.appendFile(bytes);
      const place = { offset: size, length: bytes.length };
      size += bytes.length;
      return place;
    },
    async read(place) {
      const bytes = await readAt(file, place);
      return JSON.parse(bytes.toString('utf8', 1)) as MessageRecord;
    },
    stream() {
      return Readable.from(listBytes(path, openSync(path, 'r'), size), { objectMode: false });
    },
    async keep(places) {
      const temporary = `${path}.tmp`;
      const next = await open(temporary, 'w');
      const moved: RecordPlace[] = [];
      let length = 0;
      for (const place of places) {
        await next.writeFile(await readAt(file, place));
        moved.push({ offset: length, length: place.length });
        length += place.length;
      }
      await next.close();
      await rename(temporary, path);
      await file.close();
      file = await open(path, 'a+');
      size = length;
      return moved;
    },
    close: () => file.close(),
  };
  return log;
}

async function* listBytes(path: string, fd: number, size: number): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { fd, start: 1, end: Math.max(1, size - 1) });
  yield Buffer.from('[');
  if (size > 0) yield* file;
  else file.destroy();
  yield Buffer.from(']');
}

async function readAt(file: FileHandle, { offset, length }: RecordPlace): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, offset);
  return bytes;
}

async function replay(file: FileHandle, known: (record: MessageRecord, place: RecordPlace) => boolean) {
  let offset = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false }) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let begin = 0;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, begin)) {
      const record = parse(rest.toString('utf8', begin + 1, end));
      const place = { offset, length: end + 1 - begin };
      if (!record || !known(record, place)) return offset;
      offset += place.length;
      begin = end + 1;
    }
    rest = rest.subarray(begin);
  }
  return offset;
}

function parse(line: string): MessageRecord | undefined {
  try {
    return JSON.parse(line) as MessageRecord;
  } catch {
    return undefined;
  }
}
