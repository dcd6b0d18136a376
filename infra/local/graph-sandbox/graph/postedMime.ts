// MIME as Graph takes it: the whole message in base64 as the text/plain body of a request.
// https://learn.microsoft.com/graph/outlook-send-mime-message

import { type MailHeader, readMailHeader } from '../store/mailHeader.ts';
import type { GraphCall } from './graphCall.ts';
import { GraphError } from './graphError.ts';
import type { Mailbox } from './mailboxes.ts';

/** A posted message and what its header says. */
export interface PostedMime {
  readonly mime: Buffer;
  readonly header: MailHeader;
}

/** Decodes the body. Line breaks in the base64 are allowed; anything else outside its alphabet is not. */
export function postedMime(call: GraphCall): PostedMime {
  if (call.body.tooLarge) throw new Error('A body that is too large is answered before its handler is called.');
  let base64 = call.body.bytes.toString('latin1');
  if (/\s/.test(base64)) base64 = base64.replace(/[\r\n\t ]+/g, '');
  if (base64 === '' || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64))
    throw new GraphError('ErrorMimeContentInvalidBase64String');
  const mime = Buffer.from(base64, 'base64');
  const header = readMailHeader(mime);
  if (!header) throw new GraphError('ErrorMimeContentInvalidBase64String');
  return { mime, header };
}

/** Refuses a message that Graph would not submit: no recipients, one that is no address, a From of somebody else. */
export function requireSendable(mailbox: Mailbox, header: MailHeader, bytes: number): void {
  const { to, cc, bcc, unresolved } = header;
  requireRecipients([...to, ...cc, ...bcc], unresolved);
  mailbox.requireSendAs(header.sender === '' ? header.from : [...header.from, header.sender]);
  if (bytes > mailbox.maxSendBytes) throw new GraphError('ErrorMessageSizeExceeded');
}

/** Refuses an empty list of recipients, and any that cannot be resolved. */
export function requireRecipients(addresses: readonly string[], unresolved: readonly string[]): void {
  if (addresses.length === 0 && unresolved.length === 0) throw new GraphError('ErrorInvalidRecipients');
  if (unresolved.length > 0)
    throw new GraphError(
      'ErrorInvalidRecipients',
      `At least one recipient is not valid., Recipient '${unresolved[0]}' is not resolved. All recipients must be resolved before a message can be submitted.`,
    );
}
