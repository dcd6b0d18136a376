// The thread of mimeReader.ts: reads one message at a time with mailparser in stream mode.

import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { MailParser } from 'mailparser';
import type { AttachmentRecord } from './messageRecord.ts';
import type { MimeQuestion, MimeReply } from './mimeReader.ts';

parentPort!.on('message', async (question: MimeQuestion) => {
  parentPort!.postMessage(await answer(question));
});

async function answer(question: MimeQuestion): Promise<MimeReply> {
  try {
    const mime = 'mime' in question ? question.mime : readFileSync(question.path).subarray(question.offset);
    return await readMime(Buffer.from(mime), question.attachment);
  } catch (error) {
    return { problem: String(error) };
  }
}

/** Text that is nowhere in the message is not made up: no text from html; html only where a mail mixes both kinds. */
async function readMime(mime: Buffer, wanted: number | undefined): Promise<MimeReply> {
  const parser = new MailParser({
    skipHtmlToText: true,
    skipImageLinks: true,
    skipTextLinks: true,
    checksumAlgo: 'sha256',
  });
  const attachments: AttachmentRecord[] = [];
  let wantedBytes: Buffer | undefined;
  let text = '';
  let html = '';
  let subject = '';
  parser.on('headers', (headers) => {
    subject = String(headers.get('subject') ?? '');
  });
  parser.end(mime);
  for await (const part of parser) {
    if (part.type === 'text') {
      text = part.text || '';
      html = part.html || '';
      continue;
    }
    const index = attachments.length;
    const chunks: Buffer[] = [];
    for await (const chunk of part.content) if (index === wanted) chunks.push(chunk as Buffer);
    if (index === wanted) wantedBytes = Buffer.concat(chunks);
    const declared = part.headers.get('content-type');
    const disposition = part.contentDisposition;
    attachments.push({
      name: part.filename || '',
      contentType: declaredType(declared) || part.contentType,
      bytes: part.size,
      sha256: part.checksum,
      contentId: part.cid || '',
      inline: disposition === 'inline' || (part.related === true && disposition !== 'attachment'),
    });
    part.release();
  }
  if (wanted !== undefined) return { attachment: wantedBytes };
  return { content: { subject, text, html, attachments } };
}

/** mailparser guesses a type from the file name for application/octet-stream; the message's own word counts here. */
function declaredType(header: unknown): string {
  if (typeof header !== 'object' || header === null || !('value' in header)) return '';
  return typeof header.value === 'string' ? header.value.toLowerCase() : '';
}
