// Turns a posted message into its record.

import { readMailHeader } from './mailHeader.ts';
import type { MessageEntry, MessageFiles } from './messageFiles.ts';
import type { MessageRecord } from './messageRecord.ts';
import type { MimeReader } from './mimeReader.ts';

/** The record of a MIME entry. A message no parser can read is described by its header alone. */
export async function describeMime(
  files: MessageFiles,
  entry: MessageEntry,
  reader: MimeReader,
): Promise<MessageRecord> {
  const { head, path, offset, bytes, start } = await files.openMime(entry);
  const header = readMailHeader(start);
  const content = await reader.content({ path, offset });
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
