// Turns a sent draft into its record.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Recipient } from '../graph/draftMessage.ts';
import { contentPath, type Draft, draftMimePath, readDraft } from './draftFolder.ts';
import type { AttachmentRecord, MessageRecord } from './messageRecord.ts';
import type { MimeReader } from './mimeReader.ts';

/** The record of the sent draft in `folder`; its attachments are hashed as they are on disk. */
export async function describeDraft(folder: string, id: string, reader: MimeReader): Promise<MessageRecord> {
  const draft = await readDraft(folder);
  const { message } = draft;
  const inMime = message.fromMime ? await reader.content({ path: draftMimePath(folder), offset: 0 }) : undefined;
  const attachments: AttachmentRecord[] = [...(inMime?.attachments ?? [])];
  for (const { id, name, contentType, bytes, contentId, inline } of draft.attachments)
    attachments.push({ name, contentType, bytes, sha256: await sha256(contentPath(folder, id)), contentId, inline });
  return {
    id,
    mailbox: draft.mailbox,
    via: 'draft',
    acceptedAt: draft.acceptedAt ?? draft.changedAt,
    from: message.from?.address ?? draft.mailbox,
    sender: message.sender?.address ?? '',
    replyTo: message.replyTo.map(address),
    to: message.to.map(address),
    cc: message.cc.map(address),
    bcc: message.bcc.map(address),
    subject: message.subject,
    messageId: message.internetMessageId,
    bytes: draftBytes(draft),
    text: message.bodyType === 'text' ? message.body : (inMime?.text ?? ''),
    html: message.bodyType === 'html' ? message.body : '',
    attachments,
  };
}

/** Size of a draft's body and attachments together. */
export function draftBytes({ message, attachments }: Draft): number {
  return attachments.reduce((sum, { bytes }) => sum + bytes, Buffer.byteLength(message.body));
}

function address(recipient: Recipient): string {
  return recipient.address;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The content of an attachment, counted as the record counts them: those inside a MIME draft come first. */
export async function draftAttachment(
  folder: string,
  index: number,
  reader: MimeReader,
): Promise<Uint8Array | { path: string } | undefined> {
  const draft = await readDraft(folder);
  const mime = { path: draftMimePath(folder), offset: 0 };
  const inMime = draft.message.fromMime ? ((await reader.content(mime))?.attachments.length ?? 0) : 0;
  if (index < inMime) return reader.attachment(mime, index);
  const attachment = draft.attachments[index - inMime];
  return attachment && { path: contentPath(folder, attachment.id) };
}
