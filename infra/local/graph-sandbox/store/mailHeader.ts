// The header of a posted message: who it is from and for. Read before the answer, so it is small and quick.

import { parseAddressHeader } from 'mailparser';

/** Exchange Online's limit for all headers together; what lies beyond is not looked at. */
export const MOST_HEADER_BYTES = 256 * 1024;

/** What the header says; addresses bare, as they were written, domains in ASCII form. */
export interface MailHeader {
  readonly from: readonly string[];
  readonly sender: string;
  readonly replyTo: readonly string[];
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  /** As written: encoded words are left alone. */
  readonly subject: string;
  readonly messageId: string;
  /** Entries of To, Cc and Bcc that name somebody without an address. */
  readonly unresolved: readonly string[];
}

/** Reads the header of `mime`; undefined when the bytes do not start with a header field (RFC 5322 section 2.2). */
export function readMailHeader(mime: Buffer): MailHeader | undefined {
  const fields = headerFields(mime);
  if (!fields) return undefined;
  const addresses = (name: string) => readAddresses(fields.get(name) ?? []);
  const recipients = { to: addresses('to'), cc: addresses('cc'), bcc: addresses('bcc') };
  return {
    from: addresses('from').found,
    sender: addresses('sender').found[0] ?? '',
    replyTo: addresses('reply-to').found,
    to: recipients.to.found,
    cc: recipients.cc.found,
    bcc: recipients.bcc.found,
    subject: fields.get('subject')?.[0]?.trim() ?? '',
    messageId: fields.get('message-id')?.[0]?.trim() ?? '',
    unresolved: Object.values(recipients).flatMap((list) => list.unresolved),
  };
}

/** The fields of the header, unfolded, by lower-case name; undefined when `mime` does not start with one. */
export function headerFields(mime: Buffer): Map<string, string[]> | undefined {
  const text = decode(mime.subarray(0, headerLength(mime))).replace(/\r?\n(?=[ \t])/g, '');
  const fields = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const field = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(line);
    if (!field) {
      if (fields.size === 0) return undefined;
      continue;
    }
    const name = field[1]!.toLowerCase();
    const values = fields.get(name);
    if (values) values.push(field[2]!);
    else fields.set(name, [field[2]!]);
  }
  return fields;
}

function headerLength(mime: Buffer): number {
  const ends = [mime.indexOf('\r\n\r\n'), mime.indexOf('\n\n')].filter((end) => end >= 0);
  return Math.min(mime.length, MOST_HEADER_BYTES, ...ends);
}

/** Header bytes outside ASCII are UTF-8 (RFC 6532) where they can be, else one byte is one character. */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

function readAddresses(values: readonly string[]): { found: string[]; unresolved: string[] } {
  const entries = parseAddressHeader([...values], { flatten: true, decodePunycode: false }).value;
  const found: string[] = [];
  const unresolved: string[] = [];
  for (const { address, name } of entries) {
    if (address && /^[^@]+@?.*@[^@]+$/s.test(address)) found.push(asciiDomain(address));
    else if (address || name) unresolved.push(address || name);
  }
  return { found, unresolved };
}

function asciiDomain(address: string): string {
  if (/^[\x20-\x7e]*$/.test(address)) return address;
  const at = address.lastIndexOf('@');
  try {
    return `${address.slice(0, at)}@${new URL(`http://${address.slice(at + 1)}`).hostname}`;
  } catch {
    return address;
  }
}
