/** What a caller may send: only as, and only to, what its rules in CALLERS give it. */
import type { Envelope } from '../contract/envelope.ts';
import { matchesAny } from '../mail/addressPattern.ts';
import { chooseSender, type SenderChoice } from '../mail/chooseSender.ts';
import type { HeaderBlock } from '../mail/headerBlock.ts';
import type { Caller } from '../wiring/callers.ts';
import type { Settings } from '../wiring/settings.ts';
import { Refusal } from './problems.ts';

/** The most addresses that one refusal names. */
const MOST_NAMED = 10;

/**
 * The envelope sender proves nothing: the mailbox, the From that the mail will show, and every address in From and
 * Sender must be the caller's to use. What is shown need not be among those that stand there: where From is missing or
 * cannot be read, it comes from the envelope.
 */
export function checkSender(
  settings: Pick<Settings, 'SENDER_RULES' | 'DEFAULT_SENDER'>,
  caller: Caller,
  header: HeaderBlock,
  envelope: Envelope,
): SenderChoice {
  const policy = { rules: settings.SENDER_RULES, defaultSender: settings.DEFAULT_SENDER };
  const sender = chooseSender(header, envelope.from, policy);
  if (!sender)
    throw new Refusal(
      'unprocessable-message',
      'Neither From, Sender nor the envelope names a usable sender, and there is no DEFAULT_SENDER.',
    );
  const refused = [...new Set([sender.mailbox, sender.from, ...sender.claimed])].filter(
    (address) => !matchesAny(caller.senders, address),
  );
  if (refused.length > 0)
    throw new Refusal('sender-refused', `Caller ${caller.name} may not send as ${refused.slice(0, 5).join(', ')}.`, {
      addresses: refused.slice(0, MOST_NAMED),
    });
  return sender;
}

/** Refuses recipients that no rule of the caller covers, all named at once. */
export function checkRecipients(caller: Caller, recipients: readonly string[]): void {
  const refused = recipients.filter((address) => !matchesAny(caller.recipients, address));
  if (refused.length > 0)
    throw new Refusal('recipient-refused', `Caller ${caller.name} may not send to ${refused.slice(0, 5).join(', ')}.`, {
      addresses: refused.slice(0, MOST_NAMED),
    });
}

/** The most bytes a message of this caller may have. */
export function maxMessageBytes(settings: Pick<Settings, 'MAX_MESSAGE_BYTES'>, caller: Caller): number {
  return Math.min(settings.MAX_MESSAGE_BYTES, caller.maxMessageBytes ?? Number.POSITIVE_INFINITY);
}
