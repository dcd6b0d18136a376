import { addressKey } from '../mail/addressKey.ts';
import { chooseSender, type SenderChoice } from '../mail/chooseSender.ts';
import type { HeaderBlock } from '../mail/headerBlock.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { Settings } from '../wiring/settings.ts';
import type { MailFacts } from './rewriteHeader.ts';

export type DeliverySettings = Pick<Settings, 'SENDER_RULES' | 'DEFAULT_SENDER' | 'REDIRECT_ALL_TO'>;

/**
 * Who sends the mail and who gets it, by record, header and settings; undefined when nothing names a sender any more,
 * because the settings changed since the mail was accepted. A rule that came since and names another mailbox than the
 * one that was chosen is not for this mail: it would have this mailbox send under that one's address.
 */
export function mailFactsOf(
  record: MessageStateRecord,
  block: HeaderBlock,
  settings: DeliverySettings,
): MailFacts | undefined {
  const sender = chooseSender(block, record.from, {
    rules: settings.SENDER_RULES.filter(({ mailbox }) => addressKey(mailbox) === addressKey(record.mailbox)),
    defaultSender: settings.DEFAULT_SENDER,
  });
  if (!sender) return undefined;
  const redirect = settings.REDIRECT_ALL_TO;
  return {
    recipients: redirect ? [redirect] : record.to,
    sender: sentAs(record, sender),
    messageId: record.messageId,
    receivedAt: new Date(record.receivedAt),
    ...(redirect && { originalRecipients: record.to }),
  };
}

/** The choice with the mailbox that sends in the end; the fallback mailbox sends under its own address. */
function sentAs({ mailbox, fallback }: MessageStateRecord, sender: SenderChoice): SenderChoice {
  return { ...sender, mailbox, from: fallback ? mailbox : sender.from };
}
