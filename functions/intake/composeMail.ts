/** Turns a mail posted as JSON into MIME. Files and URLs are never read: whatever goes out was in the request. */
import type { Readable } from 'node:stream';
import MailComposer from 'nodemailer/lib/mail-composer';
import type { JsonMail, NamedAddress } from './jsonMail.ts';

/** What Outlook and everybody else read (RFC 2156 section 5.3.4 and custom). */
const IMPORTANCE_HEADERS = {
  low: [
    { key: 'Importance', value: 'low' },
    { key: 'X-Priority', value: '5' },
  ],
  normal: [],
  high: [
    { key: 'Importance', value: 'high' },
    { key: 'X-Priority', value: '1' },
  ],
};

/**
 * The MIME of a mail as a stream. Bcc is not in it: the envelope says who gets the mail.
 *
 * @param id the mail's id, which becomes its Message-ID unless the headers have one
 * @param defaultSender sends where the mail names no sender
 */
export function composeMail(mail: JsonMail, id: string, defaultSender: string | undefined, now = new Date()): Readable {
  const from = mail.from ?? (defaultSender ? { address: defaultSender, name: '' } : undefined);
  const domain = from?.address.slice(from.address.lastIndexOf('@') + 1) ?? 'localhost';
  const isMessageId = ({ key }: { key: string }) => key.toLowerCase() === 'message-id';
  const composer = new MailComposer({
    ...(from && { from: addressOf(from) }),
    to: mail.to.map(addressOf),
    cc: mail.cc.map(addressOf),
    replyTo: mail.replyTo.map(addressOf),
    subject: mail.subject,
    ...(mail.html === undefined || mail.text !== undefined ? { text: mail.text ?? '' } : {}),
    ...(mail.html !== undefined && { html: mail.html }),
    headers: [...IMPORTANCE_HEADERS[mail.importance], ...mail.headers.filter((header) => !isMessageId(header))],
    messageId: mail.headers.find(isMessageId)?.value ?? `<${id}@${domain}>`,
    date: now,
    attachments: mail.attachments.map(({ name, contentType, content, contentId }) => ({
      filename: name,
      contentType,
      content,
      contentTransferEncoding: 'base64',
      contentDisposition: contentId === undefined ? 'attachment' : 'inline',
      ...(contentId !== undefined && { cid: contentId }),
    })),
    // The same request composed again gives the same bytes.
    baseBoundary: id,
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: '\r\n',
  });
  return composer.compile().createReadStream();
}

function addressOf({ address, name }: NamedAddress): { address: string; name: string } {
  return { address, name };
}
