// Drafts that were not sent yet. They survive a restart, upload sessions included, as they do in a mailbox.

import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DraftMessage } from '../graph/draftMessage.ts';
import {
  type AttachmentHead,
  contentPath,
  type Draft,
  type DraftAttachment,
  type DraftUpload,
  draftMimePath,
  readDraft,
  writeDraft,
} from './draftFolder.ts';
import { createTurns, type InTurn } from './inTurn.ts';
import type { MessageStore } from './messageStore.ts';

/** After a crash an upload goes on at a multiple of this: a range may have been half written. */
const SAFE_STEP = 320 * 1024;
const UPLOAD_LIFETIME_MS = 60 * 60_000;

/** A draft that exists. All that changes it happens in turn, and is on disk when it resolves. */
export interface OpenDraft {
  readonly draft: Draft;
  /** Where its files are. */
  readonly folder: string;
  change(change: (message: DraftMessage) => DraftMessage): Promise<void>;
  attach(head: AttachmentHead, content: Uint8Array): Promise<DraftAttachment>;
  detach(attachmentId: string): Promise<void>;
  openUpload(head: AttachmentHead, bytes: number): Promise<DraftUpload>;
  /** How many bytes of an upload are there. */
  received(uploadId: string): number;
  /** Adds a range, which must start where the last one ended: false when it does not. The last one finishes the upload. */
  upload(uploadId: string, start: number, range: Uint8Array): Promise<boolean>;
  cancelUpload(uploadId: string): Promise<void>;
  /** Makes it a sent message, unless `refuse` throws. False when somebody else was quicker. */
  send(refuse: (draft: Draft) => void): Promise<boolean>;
  remove(): Promise<void>;
}

export interface DraftStore {
  create(mailbox: string, message: DraftMessage, mime?: Uint8Array): Promise<OpenDraft>;
  find(id: string): OpenDraft | undefined;
  /** Oldest first. */
  list(): readonly Draft[];
  removeAll(): Promise<void>;
}

/** The drafts in `folder`; what is sent goes to `messages`. */
export async function openDraftStore(folder: string, messages: MessageStore): Promise<DraftStore> {
  await mkdir(folder, { recursive: true });
  const drafts = new Map<string, OpenDraft>();

  function opened(draft: Draft, received = new Map<string, number>()): OpenDraft {
    const item = openDraft(join(folder, draft.id), draft, received, messages, () => drafts.delete(draft.id));
    drafts.set(draft.id, item);
    return item;
  }

  const found: Parameters<typeof opened>[] = [];
  for (const id of await readdir(folder)) {
    try {
      const { acceptedAt: _, ...draft } = await readDraft(join(folder, id));
      found.push([draft, await receivedBytes(join(folder, id), draft)]);
    } catch {
      // Without a readable draft.json it was never a draft: the crash came before its creation was answered.
      await rm(join(folder, id), { recursive: true, force: true });
    }
  }
  found.sort(([a], [b]) => (a.createdAt < b.createdAt ? -1 : 1));
  for (const draft of found) opened(...draft);

  return {
    async create(mailbox, message, mime) {
      const now = new Date().toISOString();
      const id = randomUUID();
      const draft = { id, mailbox, createdAt: now, changedAt: now, message, attachments: [], uploads: [] };
      await mkdir(join(folder, id));
      if (mime) await writeFile(draftMimePath(join(folder, id)), mime);
      await writeDraft(join(folder, id), draft);
      return opened(draft);
    },
    find: (id) => drafts.get(id),
    list: () => [...drafts.values()].map((item) => item.draft),
    async removeAll() {
      for (const item of [...drafts.values()]) await item.remove();
    },
  };
}

async function receivedBytes(folder: string, draft: Draft): Promise<Map<string, number>> {
  const received = new Map<string, number>();
  for (const { id, bytes } of draft.uploads) {
    const { size } = await stat(contentPath(folder, id)).catch(() => ({ size: 0 }));
    const whole = Math.min(size, bytes - 1);
    received.set(id, whole - (whole % SAFE_STEP));
  }
  return received;
}

function openDraft(
  folder: string,
  first: Draft,
  received: Map<string, number>,
  messages: MessageStore,
  forget: () => void,
): OpenDraft {
  let draft = first;
  let gone = false;
  const { inTurn } = createTurns();

  async function save(changes: Partial<Draft>): Promise<void> {
    const next = { ...draft, ...changes, changedAt: new Date().toISOString() };
    await writeDraft(folder, next);
    draft = next;
  }
  /** What is asked of a draft that went away while it waited its turn finds nothing to do. */
  const whileHere: InTurn = (job) => inTurn(() => (gone ? Promise.reject(new DraftGone()) : job()));
  const others = <T extends { readonly id: string }>(list: readonly T[], id: string) => list.filter((x) => x.id !== id);

  return {
    get draft() {
      return draft;
    },
    folder,
    change: (change) => whileHere(() => save({ message: change(draft.message) })),
    attach: (head, content) =>
      whileHere(async () => {
        const attachment = { ...head, id: randomUUID(), bytes: content.length, changedAt: new Date().toISOString() };
        await writeFile(contentPath(folder, attachment.id), content);
        await save({ attachments: [...draft.attachments, attachment] });
        return attachment;
      }),
    detach: (id) =>
      whileHere(async () => {
        await save({ attachments: others(draft.attachments, id) });
        await rm(contentPath(folder, id), { force: true });
      }),
    openUpload: (head, bytes) =>
      whileHere(async () => {
        const expiresAt = new Date(Date.now() + UPLOAD_LIFETIME_MS).toISOString();
        const upload = { ...head, id: randomUUID(), bytes, token: randomUUID(), expiresAt };
        await save({ uploads: [...draft.uploads, upload] });
        return upload;
      }),
    received: (id) => received.get(id) ?? 0,
    upload: (id, start, range) =>
      whileHere(async () => {
        const upload = draft.uploads.find((one) => one.id === id);
        if (!upload || start !== (received.get(id) ?? 0)) return false;
        await writeAt(contentPath(folder, id), start, range);
        const end = start + range.length;
        if (end === upload.bytes) {
          const { token: _, expiresAt: __, ...head } = upload;
          const attachment = { ...head, changedAt: new Date().toISOString() };
          await save({ uploads: others(draft.uploads, id), attachments: [...draft.attachments, attachment] });
        }
        received.set(id, end);
        return true;
      }),
    cancelUpload: (id) =>
      whileHere(async () => {
        await save({ uploads: others(draft.uploads, id) });
        await rm(contentPath(folder, id), { force: true });
      }),
    send: (refuse) =>
      inTurn(async () => {
        if (gone) return false;
        refuse(draft);
        for (const { id } of draft.uploads) await rm(contentPath(folder, id), { force: true });
        await save({ uploads: [], acceptedAt: new Date().toISOString() });
        messages.acceptDraft(draft.id, folder);
        gone = true;
        forget();
        return true;
      }),
    remove: () =>
      inTurn(async () => {
        if (gone) return;
        gone = true;
        forget();
        await rm(folder, { recursive: true, force: true });
      }),
  };
}

/** The draft was sent or deleted before it was this job's turn. */
export class DraftGone extends Error {}

async function writeAt(path: string, position: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, position === 0 ? 'w' : 'r+');
  try {
    await file.write(bytes, 0, bytes.length, position);
    await file.truncate(position + bytes.length);
  } finally {
    await file.close();
  }
}
