// A stored message in the words of MailDev, whose pages show it.

import { type Address, type Attachment, type Email, formatBytes } from '@maildev/core';
import type { AttachmentRecord, MessageRecord } from '../store/messageRecord.ts';
import type { MessageSummary } from '../store/messageStore.ts';

/** What a list shows: the start of the text, and how many attachments there are but not which. */
export function listedMail(summary: MessageSummary, read: boolean): Email {
  const nothing: Attachment = {
    filename: '',
    generatedFileName: '',
    contentType: '',
    contentDisposition: 'attachment',
  };
  return {
    ...envelopeOf(summary),
    read,
    text: summary.preview,
    headers: {},
    attachments: Array.from({ length: summary.attachmentCount }, () => nothing),
  };
}

/** The whole mail. `headers` are the fields of the message as posted. */
export function openedMail(record: MessageRecord, read: boolean, headers: Record<string, string | string[]>): Email {
  return {
    ...envelopeOf(record),
    read,
    headers,
    ...(record.text !== '' && { text: record.text }),
    ...(record.html !== '' && { html: record.html }),
    attachments: record.attachments.map(attachment),
  };
}

/** The index of an attachment from the name that `openedMail` gave it; undefined for any other name. */
export function attachmentIndex(fileName: string): number | undefined {
  const digits = /^(\d+)\.[a-z0-9]*$/.exec(fileName)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function attachment({ name, contentType, bytes, contentId, inline }: AttachmentRecord, index: number): Attachment {
  const extension = /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase() ?? 'bin';
  return {
    filename: name || `attachment ${index + 1}`,
    // The name from the mail stays out of the URL.
    generatedFileName: `${index}.${extension}`,
    contentType,
    contentDisposition: inline ? 'inline' : 'attachment',
    size: bytes,
    ...(contentId !== '' && { contentId }),
  };
}

function envelopeOf(mail: MessageSummary | MessageRecord) {
  const bcc = mail.bcc.map(named);
  return {
    id: mail.id,
    time: new Date(mail.acceptedAt),
    subject: mail.subject,
    source: '',
    size: mail.bytes,
    sizeHuman: formatBytes(mail.bytes),
    from: mail.from === '' ? [] : mail.from.split(', ').map(named),
    to: mail.to.map(named),
    cc: mail.cc.map(named),
    bcc,
    calculatedBcc: bcc,
    envelope: { from: named(mail.mailbox), to: [...mail.to, ...mail.cc, ...mail.bcc].map(named) },
  };
}

function named(address: string): Address {
  return { address, name: '' };
}
