// A draft on disk: a folder with draft.json and one {id}.content per attachment, finished or being uploaded.
// draft.json is replaced as a whole, so that it is always either the old or the new one.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DraftMessage } from '../graph/draftMessage.ts';

/** What is known of an attachment before its content. */
export interface AttachmentHead {
  readonly name: string;
  readonly contentType: string;
  /** Without angle brackets; "" when it has none. */
  readonly contentId: string;
  readonly inline: boolean;
}

/** A finished attachment. */
export interface DraftAttachment extends AttachmentHead {
  readonly id: string;
  readonly bytes: number;
  readonly changedAt: string;
}

/** An upload session that is under way; it becomes the attachment with the same id. */
export interface DraftUpload extends AttachmentHead {
  readonly id: string;
  readonly bytes: number;
  /** Stands in the upload URL and is all the authorisation a range needs. */
  readonly token: string;
  readonly expiresAt: string;
}

/** The content of draft.json. */
export interface Draft {
  readonly id: string;
  readonly mailbox: string;
  readonly createdAt: string;
  readonly changedAt: string;
  /** Set when the draft was sent. */
  readonly acceptedAt?: string;
  readonly message: DraftMessage;
  readonly attachments: readonly DraftAttachment[];
  readonly uploads: readonly DraftUpload[];
}

/** Reads draft.json. */
export async function readDraft(folder: string): Promise<Draft> {
  return JSON.parse(await readFile(join(folder, 'draft.json'), 'utf8')) as Draft;
}

/** Replaces draft.json. */
export async function writeDraft(folder: string, draft: Draft): Promise<void> {
  const temporary = join(folder, 'draft.json.tmp');
  await writeFile(temporary, JSON.stringify(draft));
  await rename(temporary, join(folder, 'draft.json'));
}

/** The file of an attachment, finished or not. */
export function contentPath(folder: string, id: string): string {
  return join(folder, `${id}.content`);
}

/** The MIME of a draft that was created from MIME. */
export function draftMimePath(folder: string): string {
  return join(folder, 'message.mime');
}
