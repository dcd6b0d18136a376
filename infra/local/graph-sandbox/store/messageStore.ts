// All accepted messages, in order of acceptance. Files hold the messages, a log holds their records; in memory there
// is only what a list of them shows. Messages are read after they were accepted, one after the other.

import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describeDraft, draftAttachment } from './describeDraft.ts';
import { describeMime } from './describeMime.ts';
import { createTurns } from './inTurn.ts';
import { type MessageEntry, openMessageFiles, type StoredMime } from './messageFiles.ts';
import type { MessageContent, MessageRecord } from './messageRecord.ts';
import { createMimeReader } from './mimeReader.ts';
import { openRecordLog, type RecordPlace } from './recordLog.ts';

/** Characters of the text kept in memory for lists. */
const PREVIEW_LENGTH = 255;

/** Characters of the html looked at for a preview when there is no text. */
const HTML_FOR_PREVIEW = 4000;

/** A message as lists show it. */
export interface MessageSummary
  extends Pick<MessageRecord, 'id' | 'mailbox' | 'via' | 'acceptedAt' | 'from' | 'to' | 'cc' | 'bcc' | 'subject'> {
  readonly messageId: string;
  readonly bytes: number;
  readonly preview: string;
  readonly attachmentCount: number;
}

export interface MessageStore {
  /** Stores a posted message. When this resolves the message survives the end of the process. Returns its id. */
  acceptMime(mailbox: string, mime: Uint8Array): Promise<string>;
  /** Takes over the folder of a draft whose `draft.json` says it was sent. Synchronous: sent exactly once. */
  acceptDraft(id: string, folder: string): void;
  /** Resolves when all that was accepted before the call has been read and is in `summaries`. */
  settled(): Promise<void>;
  /** Everything read so far, oldest first. */
  summaries(): readonly MessageSummary[];
  find(id: string): MessageSummary | undefined;
  /** How many of the accepted messages carry a Message-ID that an earlier one had. */
  duplicateMessageIds(): number;
  record(id: string): Promise<MessageRecord | undefined>;
  /** All records as the bytes of one JSON array, oldest first. */
  recordList(): Readable;
  /** The MIME as posted; undefined for drafts and for unknown ids. */
  mime(id: string): Promise<StoredMime | undefined>;
  /** The folder of a sent draft; undefined for messages posted as MIME and for unknown ids. */
  draftFolder(id: string): string | undefined;
  /** Reads MIME that is not stored here. */
  readMime(mime: Uint8Array): Promise<MessageContent | undefined>;
  /** The decoded content of an attachment: bytes of a MIME part, or the file of a draft's attachment. */
  attachment(id: string, index: number): Promise<Uint8Array | { path: string } | undefined>;
  /** Removes these messages, or all. */
  remove(ids?: readonly string[]): Promise<void>;
  /** Called with each message once it has been read, and with an id once it was removed (undefined: all were). */
  watch(watcher: { added(summary: MessageSummary): void; removed(id: string | undefined): void }): void;
  close(): Promise<void>;
}

interface Kept {
  readonly entry: MessageEntry;
  readonly summary: MessageSummary;
  readonly place: RecordPlace;
}

/** Opens the store in `folder` and reads again what a crash has left unread. */
export async function openMessageStore(folder: string): Promise<MessageStore> {
  await mkdir(folder, { recursive: true });
  const files = await openMessageFiles(join(folder, 'messages'));
  const reader = createMimeReader();
  const entries = await files.list();
  let kept: Kept[] = [];
  const byId = new Map<string, Kept>();
  const watchers: Parameters<MessageStore['watch']>[0][] = [];
  let lastNumber = entries.at(-1)?.number ?? 0;

  function keep(item: Kept): void {
    kept.push(item);
    byId.set(item.entry.id, item);
  }

  const log = await openRecordLog(join(folder, 'records.log'), (record, place) => {
    const entry = entries[kept.length];
    if (!entry || entry.id !== record.id) return false;
    keep({ entry, summary: summarise(record), place });
    return true;
  });

  const { inTurn, idle } = createTurns();
  let closing = false;

  function read(entry: MessageEntry): void {
    const reading = inTurn(async () => {
      if (closing) return;
      const record = await describe(entry);
      const item = { entry, summary: summarise(record), place: await log.append(record) };
      keep(item);
      for (const watcher of watchers) watcher.added(item.summary);
    });
    reading.catch((error) => console.error(`graph sandbox: message ${entry.id} cannot be read: ${error}`));
  }

  function describe(entry: MessageEntry): Promise<MessageRecord> {
    return entry.via === 'mime'
      ? describeMime(files, entry, reader)
      : describeDraft(files.path(entry), entry.id, reader);
  }

  for (const entry of entries.slice(kept.length)) read(entry);

  return {
    async acceptMime(mailbox, mime) {
      const id = randomUUID();
      const pending = await files.write(id, { mailbox, acceptedAt: new Date().toISOString() }, mime);
      read(pending.commit(++lastNumber));
      return id;
    },
    acceptDraft(id, from) {
      read(files.adopt(++lastNumber, id, from));
    },
    settled: idle,
    summaries: () => kept.map((item) => item.summary),
    find: (id) => byId.get(id)?.summary,
    duplicateMessageIds() {
      const ids = kept.map((item) => item.summary.messageId).filter((id) => id !== '');
      return ids.length - new Set(ids).size;
    },
    async record(id) {
      const item = byId.get(id);
      return item && (await log.read(item.place));
    },
    recordList: () => log.stream(),
    async mime(id) {
      const entry = byId.get(id)?.entry;
      return entry?.via === 'mime' ? files.openMime(entry) : undefined;
    },
    draftFolder(id) {
      const entry = byId.get(id)?.entry;
      return entry?.via === 'draft' ? files.path(entry) : undefined;
    },
    readMime: (mime) => reader.content({ mime }),
    attachment: async (id, index) => attachmentOf(byId.get(id)?.entry, index),
    remove: (ids) =>
      inTurn(async () => {
        const gone = ids ? new Set(ids) : undefined;
        const removed = kept.filter((item) => !gone || gone.has(item.entry.id));
        const rest = kept.filter((item) => gone && !gone.has(item.entry.id));
        const places = await log.keep(rest.map((item) => item.place));
        kept = rest.map((item, index) => ({ ...item, place: places[index]! }));
        byId.clear();
        for (const item of kept) byId.set(item.entry.id, item);
        for (const { entry } of removed) await files.remove(entry);
        for (const watcher of watchers)
          if (!gone) watcher.removed(undefined);
          else for (const { entry } of removed) watcher.removed(entry.id);
      }),
    watch: (watcher) => void watchers.push(watcher),
    async close() {
      // What was not read yet is read at the next start.
      closing = true;
      await idle();
      await reader.close();
      await log.close();
    },
  };

  async function attachmentOf(entry: MessageEntry | undefined, index: number) {
    if (!entry) return undefined;
    if (entry.via === 'draft') return draftAttachment(files.path(entry), index, reader);
    const { path, offset } = await files.openMime(entry);
    return reader.attachment({ path, offset }, index);
  }
}

function summarise(record: MessageRecord): MessageSummary {
  const { id, mailbox, via, acceptedAt, from, to, cc, bcc, messageId, bytes } = record;
  return {
    id,
    mailbox,
    via,
    acceptedAt,
    from,
    to,
    cc,
    bcc,
    messageId,
    bytes,
    subject: record.subject.slice(0, PREVIEW_LENGTH),
    preview: (record.text || withoutTags(record.html.slice(0, HTML_FOR_PREVIEW))).slice(0, PREVIEW_LENGTH),
    attachmentCount: record.attachments.length,
  };
}

/** Good enough for one line in a list; never for showing html. */
function withoutTags(html: string): string {
  return html
    .replace(/<(style|script|head)\b.*?<\/\1>|<[^>]*>/gis, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
