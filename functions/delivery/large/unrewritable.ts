/**
 * What a draft would damage. A draft is made of properties and attachments: the structure of the message is lost, and
 * with it every signature, encryption, invitation and fragment.
 */
import { fieldsNamed, fieldValue, type HeaderBlock } from '../../mail/headerBlock.ts';
import type { PartHead } from './mimeProtocol.ts';

/** Why a message cannot become a draft: `kind` for telemetry, `why` for people, after "because". */
export interface Unrewritable {
  readonly kind:
    | 'signed'
    | 'encrypted'
    | 'calendar'
    | 'tnef'
    | 'partial'
    | 'encoding'
    | 'attachments'
    | 'text'
    | 'unreadable';
  readonly why: string;
}

/** Exchange Online takes no message with more (Exchange Online limits, "File attachments limit"). */
export const MAX_ATTACHMENTS = 250;

const SIGNED: Unrewritable = { kind: 'signed', why: 'it is digitally signed' };
const ENCRYPTED: Unrewritable = { kind: 'encrypted', why: 'it is encrypted or signed (S/MIME or PGP)' };
const CALENDAR: Unrewritable = { kind: 'calendar', why: 'it is an invitation or another calendar message' };
const TNEF: Unrewritable = { kind: 'tnef', why: 'it is in the TNEF format (winmail.dat)' };
const PARTIAL: Unrewritable = {
  kind: 'partial',
  why: 'it is only a part of a message, or refers to content elsewhere',
};
const ENCODING: Unrewritable = { kind: 'encoding', why: 'its attachments are encoded in an old way (uuencode)' };

const BY_TYPE: Readonly<Record<string, Unrewritable>> = {
  'multipart/signed': SIGNED,
  'application/pgp-signature': SIGNED,
  'application/pkcs7-signature': SIGNED,
  'application/x-pkcs7-signature': SIGNED,
  'multipart/encrypted': ENCRYPTED,
  'application/pgp-encrypted': ENCRYPTED,
  'application/ms-tnef': TNEF,
  'application/vnd.ms-tnef': TNEF,
  'message/partial': PARTIAL,
  'message/external-body': PARTIAL,
};

const KNOWN_ENCODINGS = new Set(['', '7bit', '8bit', 'binary', 'base64', 'quoted-printable']);

/** What the header of the whole message tells. */
export function unrewritableHeader(block: HeaderBlock): Unrewritable | undefined {
  const first = (name: string) => fieldsNamed(block, name).map(fieldValue)[0]?.toLowerCase() ?? '';
  const type = first('content-type');
  const part = {
    name: '',
    contentType: type.split(';')[0]!.trim(),
    contentId: '',
    disposition: '',
    encoding: first('content-transfer-encoding')
      .replace(/\([^()]*\)/g, '')
      .trim(),
    scheduling: /;\s*method\s*=/.test(type),
  };
  // RFC 2045 section 6.4 allows a multipart no encoding but these three; devices name others, and readers ignore them.
  return unrewritablePart(part.contentType.startsWith('multipart/') ? { ...part, encoding: '' } : part);
}

/** What the header of one part tells. */
export function unrewritablePart(part: PartHead): Unrewritable | undefined {
  const { contentType: type, name } = part;
  if (BY_TYPE[type]) return BY_TYPE[type];
  // A .p7m under a name of its own is a signed document that somebody attached; S/MIME mail has this name or none.
  if (/^application\/(?:x-)?pkcs7-mime$/.test(type) && /^(?:smime\.p7[mz])?$/i.test(name)) return ENCRYPTED;
  if (type === 'text/calendar' && (part.scheduling || part.disposition !== 'attachment')) return CALENDAR;
  if (/^winmail\.dat$/i.test(name)) return TNEF;
  if (!KNOWN_ENCODINGS.has(part.encoding)) return ENCODING;
  return undefined;
}

/** What the body itself tells. */
export function unrewritableText(text: string): Unrewritable | undefined {
  if (/^-----BEGIN PGP (?:MESSAGE|SIGNED MESSAGE)-----\s*$/m.test(text)) return ENCRYPTED;
  if (/^begin [0-7]{3,4} \S.*\n[!-`]{2,}/m.test(text)) return ENCODING;
  return undefined;
}
