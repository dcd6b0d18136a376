/** The MIME that Graph gets: the stored message under its rewritten header, body bytes untouched. */
import type { Readable } from 'node:stream';
import { chooseSender, type SenderPolicy } from '../mail/chooseSender.ts';
import { readHeaderBlock } from '../mail/headerBlock.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import { rewriteHeader } from './rewriteHeader.ts';
import { MAX_SENDMAIL_BYTES } from './sendMail.ts';

export type Composition =
  | { readonly kind: 'mime'; readonly mime: Buffer }
  /** Too large for one request. */
  | { readonly kind: 'large'; readonly bytes: number }
  | { readonly kind: 'impossible'; readonly code: string; readonly reason: string };

/** Composes the final MIME of a mail whose stored message is at most about {@link MAX_SENDMAIL_BYTES} long. */
export async function composeMime(
  record: MessageStateRecord,
  stored: Readable,
  policy: SenderPolicy,
): Promise<Composition> {
  if (record.size > MAX_SENDMAIL_BYTES) {
    stored.destroy();
    return { kind: 'large', bytes: record.size };
  }
  const chunks: Buffer[] = [];
  for await (const chunk of stored) chunks.push(chunk as Buffer);
  const message = Buffer.concat(chunks);
  const block = readHeaderBlock(message, true);
  const sender = block && chooseSender(block, record.from, policy);
  // Both were there at intake: the settings changed since, or the body is not what was stored.
  if (!block)
    return { kind: 'impossible', code: 'HeaderUnreadable', reason: 'The header of the stored message cannot be read.' };
  if (!sender)
    return {
      kind: 'impossible',
      code: 'NoSender',
      reason: 'Nothing names a sender, and DEFAULT_SENDER is not set any more.',
    };
  const header = rewriteHeader(block, {
    recipients: record.to,
    sender: { ...sender, mailbox: record.mailbox },
    messageId: record.messageId,
    receivedAt: new Date(record.receivedAt),
  });
  const mime = Buffer.concat([header, message.subarray(block.bodyStart)]);
  return mime.length > MAX_SENDMAIL_BYTES ? { kind: 'large', bytes: mime.length } : { kind: 'mime', mime };
}
