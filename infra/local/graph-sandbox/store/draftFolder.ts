// A draft on disk: a folder with draft.json, one {id}.attachment per finished attachment and one {id}.upload per
// upload session. draft.json is replaced as a whole, so that it is always either the old or the new one.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DraftMessage } from '../graph/draftMessage.ts';

/** A finished attachment. */
export interface DraftAttachment {
  readonly id: string;
  readonly name: string;
  readonly contentType: string;
  readonly contentId: string;
  readonly inline: boolean;
  readonly bytes: number;
  readonly addedAt: string;
}

/** An upload session that is under way. How far it got is the size of its file. */
export interface DraftUpload extends Omit<DraftAttachment, 'addedAt'> {
  /** Stands in the upload URL and is all the authorisation a range needs. */
  readonly token: string;
  readonly expiresAt: string;
}

/** The content of draft.json. */
export interface Draft {
  /** The immutable id: stays when the draft is sent. */
  readonly id: string;
  /** The id for callers that do not ask for immutable ones: ends when the draft is sent. */
  readonly movingId: string;
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

/** The file of a finished attachment. */
export function attachmentPath(folder: string, id: string): string {
  return join(folder, `${id}.attachment`);
}

/** The file an upload session collects its ranges in. */
export function uploadPath(folder: string, id: string): string {
  return join(folder, `${id}.upload`);
}

/** The MIME of a draft that was created from MIME. */
export function draftMimePath(folder: string): string {
  return join(folder, 'message.mime');
}
