/** The MIME that Graph gets: the stored message under its rewritten header, body bytes untouched. */
import type { Readable } from 'node:stream';
import { MAX_HEADER_BYTES, readHeaderBlock } from '../mail/headerBlock.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import { type DeliverySettings, mailFactsOf } from './mailFacts.ts';
import { rewriteHeader } from './rewriteHeader.ts';
import { MAX_SENDMAIL_BYTES } from './sendMail.ts';

export type Composition =
  | { readonly kind: 'mime'; readonly mime: Buffer }
  /** Too large for one request. */
  | { readonly kind: 'large'; readonly bytes: number }
  | { readonly kind: 'impossible'; readonly code: string; readonly reason: string };

/** Why a mail cannot go whose header grew too long for Exchange by what was added to it. */
export const HEADER_TOO_LONG = {
  code: 'HeaderUnreadable',
  reason: 'With the recipients that it does not show, the header is longer than the 256 kB that Exchange takes.',
} as const;

/** Composes the final MIME of a mail whose stored message is at most {@link MAX_SENDMAIL_BYTES} long. */
export async function composeMime(
  record: MessageStateRecord,
  stored: Readable,
  settings: DeliverySettings,
): Promise<Composition> {
  if (record.size > MAX_SENDMAIL_BYTES) {
    stored.destroy();
    return { kind: 'large', bytes: record.size };
  }
  const chunks: Buffer[] = [];
  for await (const chunk of stored) chunks.push(chunk as Buffer);
  const message = Buffer.concat(chunks);
  const block = readHeaderBlock(message, true);
  if (!block)
    return { kind: 'impossible', code: 'HeaderUnreadable', reason: 'The header of the stored message cannot be read.' };
  const facts = mailFactsOf(record, block, settings);
  if (!facts)
    return {
      kind: 'impossible',
      code: 'NoSender',
      reason: 'Nothing in the mail names a sender, and DEFAULT_SENDER is not set any more. Set it and retry the mail.',
    };
  const header = rewriteHeader(block, facts);
  if (header.length > MAX_HEADER_BYTES) return { kind: 'impossible', ...HEADER_TOO_LONG };
  const mime = Buffer.concat([header, message.subarray(block.bodyStart)]);
  return mime.length > MAX_SENDMAIL_BYTES ? { kind: 'large', bytes: mime.length } : { kind: 'mime', mime };
}
