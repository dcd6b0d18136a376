/**
 * The last stage's changes to the header, all of them. Graph has no envelope: it delivers to whatever To, Cc and Bcc
 * say, so those are made to say exactly what the envelope says.
 *
 * - To and Cc keep the addresses that are in the envelope, in their own bytes; others go; an emptied or unreadable field
 *   goes. Bcc and Resent-Bcc go. Who is in the envelope and not shown comes into one Bcc on top.
 * - From, Date, Message-ID are added where missing, MIME-Version where Content-Type stands without it.
 * - From shows one address, the one that is sent as, under a display name that is no address itself; a From that a
 *   sender rule replaced becomes Reply-To where there is none. A Sender other than the sending mailbox goes.
 *
 * Nothing else changes, and never the body.
 */
import { addressProblem } from '../contract/mailAddress.ts';
import { addressKey } from '../mail/addressKey.ts';
import { type AddressEntry, readAddressList } from '../mail/addressList.ts';
import { entriesOf, type SenderChoice } from '../mail/chooseSender.ts';
import { fieldsNamed, fieldValue, type HeaderBlock, type HeaderField } from '../mail/headerBlock.ts';

/** What the header cannot know of itself. */
export interface MailFacts {
  /** Envelope recipients: exactly who gets the mail. */
  readonly recipients: readonly string[];
  readonly sender: SenderChoice;
  /** Message-ID to add when there is none, with its angle brackets. */
  readonly messageId: string;
  /** Date to add when there is none. */
  readonly receivedAt: Date;
  /** In pilot mode: who would have got the mail. */
  readonly originalRecipients?: readonly string[];
}

/** The new header, up to where the body starts, its empty line included. */
export function rewriteHeader(block: HeaderBlock, facts: MailFacts): Buffer {
  const wanted = new Map(facts.recipients.map((address) => [addressKey(address), address]));
  const shown = new Set<string>();
  const replaced = new Map<HeaderField, string>();
  const remove = (...fields: HeaderField[]) => fields.forEach((field) => void replaced.set(field, ''));

  for (const name of ['to', 'cc']) {
    const [first, ...others] = fieldsNamed(block, name);
    if (!first) continue;
    replaced.set(first, keepRecipients(first, others, wanted, shown));
    remove(...others);
  }
  remove(...fieldsNamed(block, 'bcc'), ...fieldsNamed(block, 'resent-bcc'), ...fieldsNamed(block, ''));

  const added: string[] = [];
  // A field without a value says nothing, and Exchange makes up its own.
  const has = (name: string) => fieldsNamed(block, name).some((field) => fieldValue(field) !== '');
  for (const name of ['date', 'message-id']) if (!has(name)) remove(...fieldsNamed(block, name));
  const hidden = [...wanted].filter(([key]) => !shown.has(key)).map(([, address]) => address);
  if (hidden.length > 0) added.push(`Bcc: ${hidden.join(',\r\n ')}\r\n`);

  const from = rewriteFrom(block, facts.sender);
  if (from !== undefined) {
    remove(...fieldsNamed(block, 'from'));
    added.push(`From: ${from.value}\r\n`);
    if (from.replyTo && !has('reply-to')) added.push(`Reply-To: ${from.replyTo}\r\n`);
  }
  const senders = entriesOf(block, 'sender');
  const ownSender = senders.length === 1 && addressKey(senders[0]!.address ?? '') === addressKey(facts.sender.mailbox);
  if (!ownSender) remove(...fieldsNamed(block, 'sender'));

  if (!has('date')) added.push(`Date: ${facts.receivedAt.toUTCString().replace('GMT', '+0000')}\r\n`);
  if (!has('message-id')) added.push(`Message-ID: ${facts.messageId}\r\n`);
  if (has('content-type') && !has('mime-version')) added.push('MIME-Version: 1.0\r\n');

  if (facts.originalRecipients)
    added.push(`X-Relay-Original-Recipients: ${facts.originalRecipients.join(',\r\n ')}\r\n`);

  const kept = block.fields.map((field) => ended(replaced.get(field) ?? field.raw));
  // Where a line that is no field ends the header, an empty line is put before it: else that line, or what follows it,
  // could be read as header after all, and as recipients.
  return Buffer.from(`${added.join('')}${kept.join('')}\r\n`, 'latin1');
}

/** The field with only the wanted addresses; its own bytes when none has to go, '' when none stays. */
function keepRecipients(
  field: HeaderField,
  others: readonly HeaderField[],
  wanted: ReadonlyMap<string, string>,
  shown: Set<string>,
): string {
  const lists = [field, ...others].map((each) => readAddressList(each.raw.slice(each.raw.indexOf(':') + 1)));
  const entries = lists.flatMap((list) => list?.entries ?? []);
  const kept = entries.filter(
    ({ address }) => address !== undefined && addressProblem(address) === undefined && wanted.has(addressKey(address)),
  );
  for (const { address } of kept) shown.add(addressKey(address!));
  if (kept.length === 0) return '';
  const untouched = kept.length === entries.length && others.length === 0 && !lists[0]!.irregular;
  if (untouched && kept.every(({ doubtful }) => !doubtful)) return field.raw;
  const name = field.raw.slice(0, field.raw.indexOf(':')).trimEnd();
  return `${name}: ${kept.map((entry) => (entry.doubtful ? `<${entry.address}>` : entry.text)).join(',\r\n ')}\r\n`;
}

/** What From has to become, or undefined when it may stay as it is. */
function rewriteFrom(block: HeaderBlock, sender: SenderChoice): { value: string; replyTo?: string } | undefined {
  const fields = fieldsNamed(block, 'from');
  const lists = fields.map((field) => readAddressList(fieldValue(field)));
  const entries = lists.flatMap((list) => list?.entries ?? []);
  const original = entries.find(({ address }) => address === sender.address);
  if (!original) return { value: `<${sender.from}>` };
  const replacedByRule = addressKey(sender.from) !== addressKey(sender.address);
  const plain = fields.length === 1 && entries.length === 1 && !lists[0]!.irregular && !original.doubtful;
  if (plain && !replacedByRule) return undefined;
  const value = named(original, sender.from);
  return replacedByRule ? { value, replyTo: named(original, sender.address) } : { value };
}

function named(entry: AddressEntry, address: string): string {
  return entry.displayName && !entry.doubtful ? `${entry.displayName} <${address}>` : `<${address}>`;
}

function ended(raw: string): string {
  return raw === '' || raw.endsWith('\r\n') ? raw : `${raw}\r\n`;
}
