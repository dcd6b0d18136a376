// Turns a posted message into its record.

import { open } from 'node:fs/promises';
import { readMailHeader } from './mailHeader.ts';
import type { MessageEntry, MessageFiles } from './messageFiles.ts';
import type { MessageRecord } from './messageRecord.ts';
import type { MimeReader } from './mimeReader.ts';

const HEADER_BYTES = 256 * 1024;

/** The record of a MIME entry. A message no parser can read is described by its header alone. */
export async function describeMime(
  files: MessageFiles,
  entry: MessageEntry,
  reader: MimeReader,
): Promise<MessageRecord> {
  const { head, file, bytes } = await files.openMime(entry);
  const header = readMailHeader(await firstBytes(file.path, file.offset));
  const content = await reader.content(file);
  return {
    id: entry.id,
    mailbox: head.mailbox,
    via: 'mime',
    acceptedAt: head.acceptedAt,
    from: header?.from.join(', ') ?? '',
    sender: header?.sender ?? '',
    replyTo: header?.replyTo ?? [],
    to: header?.to ?? [],
    cc: header?.cc ?? [],
    bcc: header?.bcc ?? [],
    subject: content?.subject ?? header?.subject ?? '',
    messageId: header?.messageId ?? '',
    bytes,
    text: content?.text ?? '',
    html: content?.html ?? '',
    attachments: content?.attachments ?? [],
  };
}

/** The bytes of a header, from `offset` on: as many as are ever looked at. */
export async function firstBytes(path: string, offset: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
