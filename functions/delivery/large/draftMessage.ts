/** The JSON of a draft: https://learn.microsoft.com/graph/api/resources/message */
import type { AddressEntry } from '../../mail/addressList.ts';
import { entriesOf } from '../../mail/chooseSender.ts';
import { fieldsNamed, fieldValue, type HeaderBlock } from '../../mail/headerBlock.ts';
import { decodeRaw, decodeText } from './decodeText.ts';
import type { DraftBody } from './draftPlan.ts';

/** Exchange keeps this many characters of a subject. */
const MAX_SUBJECT_LENGTH = 255;
/** Graph takes five headers, whose names start with x- (InvalidInternetMessageHeaderCollection). */
const MAX_X_HEADERS = 5;
const MAX_X_HEADER_LENGTH = 995;
/** Headers that say what a property of the draft says, or that only Exchange may write. */
const NOT_CARRIED =
  /^x-(?:priority|msmail-priority|ms-exchange-|ms-has-attach|ms-tnef-|forefront-|microsoft-|originating)/;

/** Marks a draft as the relay's, and as which mail's: a Message-ID may be anybody's. */
export const MARK_ID = 'String {6c2b0f86-5d0c-4d2a-a36e-9a8f41d7a3c5} Name RelayMail';

interface Recipient {
  readonly emailAddress: { readonly address: string; readonly name?: string };
}

export interface DraftMessage {
  readonly subject: string;
  readonly body: DraftBody;
  readonly toRecipients: readonly Recipient[];
  readonly ccRecipients: readonly Recipient[];
  readonly bccRecipients: readonly Recipient[];
  readonly [property: string]: unknown;
}

export interface DraftFacts {
  /** The header as it would be sent in one request: what it shows is the envelope, exactly. */
  readonly header: HeaderBlock;
  readonly messageId: string;
  /** Names the mail in {@link MARK_ID}. */
  readonly mark: string;
}

/** The draft, without its attachments. */
export function draftMessage({ header, messageId, mark }: DraftFacts, body: DraftBody): DraftMessage {
  const recipients = (name: string) => entriesOf(header, name).flatMap(recipientOf);
  const value = (name: string) => fieldsNamed(header, name).map(fieldValue)[0];
  const [from] = recipients('from');
  const [sender] = recipients('sender');
  const replyTo = recipients('reply-to');
  const headers = xHeaders(header);
  return {
    subject: Array.from(decodeText(value('subject') ?? ''))
      .slice(0, MAX_SUBJECT_LENGTH)
      .join(''),
    body,
    ...(from && { from }),
    ...(sender && { sender }),
    ...(replyTo.length > 0 && { replyTo }),
    toRecipients: recipients('to'),
    ccRecipients: recipients('cc'),
    bccRecipients: recipients('bcc'),
    importance: importanceOf(value('importance') ?? value('x-priority') ?? value('priority') ?? ''),
    isReadReceiptRequested: value('disposition-notification-to') !== undefined,
    isDeliveryReceiptRequested: value('return-receipt-to') !== undefined,
    internetMessageId: messageId,
    ...(headers.length > 0 && { internetMessageHeaders: headers }),
    singleValueExtendedProperties: [{ id: MARK_ID, value: mark }],
  };
}

function recipientOf({ address, displayName }: AddressEntry): Recipient[] {
  if (address === undefined) return [];
  const name = decodeText(decodeRaw(displayName).replace(/"((?:[^"\\]|\\.)*)"/g, unquoted));
  return [{ emailAddress: name === '' ? { address } : { address, name } }];
}

function unquoted(_: string, inside: string): string {
  return inside.replace(/\\(.)/g, '$1');
}

/** `Importance` (RFC 2156), `X-Priority: 1 (Highest)`, `Priority: urgent`. */
function importanceOf(value: string): 'low' | 'normal' | 'high' {
  const word = value.trim().toLowerCase();
  if (/^(?:high|urgent|[12]\b)/.test(word)) return 'high';
  return /^(?:low|non-urgent|[45]\b)/.test(word) ? 'low' : 'normal';
}

function xHeaders(header: HeaderBlock): { name: string; value: string }[] {
  const carried = header.fields.filter(({ name }) => name.startsWith('x-') && !NOT_CARRIED.test(name));
  const first = new Map(carried.toReversed().map((field) => [field.name, field]));
  return [...first.values()]
    .toReversed()
    .map((field) => ({
      name: field.raw.slice(0, field.raw.indexOf(':')).trim(),
      value: decodeText(fieldValue(field)).slice(0, MAX_X_HEADER_LENGTH),
    }))
    .filter(({ value }) => value !== '')
    .slice(0, MAX_X_HEADERS);
}
