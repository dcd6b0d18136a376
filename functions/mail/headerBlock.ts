/**
 * The header of a message (RFC 5322 section 2.2) as the bytes it is made of, so that whatever is not meant to change
 * cannot. Strings are latin1 here: one character is one byte, and 8-bit bytes survive.
 */

/** Exchange Online takes at most 256 kB of header (552 5.3.4). */
export const MAX_HEADER_BYTES = 256 * 1024;

export interface HeaderField {
  /** Field name in lower case. */
  readonly name: string;
  /** The whole field as it stands, folded lines and final CRLF included. */
  readonly raw: string;
}

export interface HeaderBlock {
  readonly fields: readonly HeaderField[];
  /** Where the body starts, behind the empty line if there is one. */
  readonly bodyStart: number;
  /** Whether an empty line ends the header; else it ends at a line that is no field, or with the message. */
  readonly separated: boolean;
}

/**
 * Reads the header at the start of a stored message (line ends are CRLF). A line that is neither a field nor its
 * continuation ends the header: all that follows is body. An mbox `From ` line at the very top is kept as a nameless
 * field. Undefined when the header does not end within {@link MAX_HEADER_BYTES} of `start`.
 *
 * @param start the first bytes of the message, or all of it
 * @param complete whether `start` is the whole message
 */
export function readHeaderBlock(start: Buffer, complete: boolean): HeaderBlock | undefined {
  const fields: { name: string; raw: string }[] = [];
  let at = 0;
  for (;;) {
    const end = start.indexOf('\r\n', at, 'latin1');
    const unfinished = end < 0;
    if (unfinished && !complete) return undefined;
    const next = unfinished ? start.length : end + 2;
    if (next > MAX_HEADER_BYTES) return undefined;
    if (at === start.length) return { fields, bodyStart: at, separated: false };
    const line = start.toString('latin1', at, next);
    if (line === '\r\n') return { fields, bodyStart: next, separated: true };
    const last = fields.at(-1);
    const name = /^([\x21-\x39\x3b-\x7e]+)[ \t]*:/.exec(line)?.[1];
    if (name !== undefined) fields.push({ name: name.toLowerCase(), raw: line });
    else if (/^[ \t]/.test(line) && last) last.raw += line;
    else if (at === 0 && /^>?From /.test(line)) fields.push({ name: '', raw: line });
    else return { fields, bodyStart: at, separated: false };
    at = next;
  }
}

/** The value of a field: what stands behind the colon, unfolded, blanks trimmed. */
export function fieldValue(field: HeaderField): string {
  return unfold(field.raw.slice(field.raw.indexOf(':') + 1));
}

/** A folded text (RFC 5322 section 2.2.3) on one line. */
export function unfold(text: string): string {
  return trimBlanks(text.replace(/\r\n(?=[ \t])/g, ''));
}

/** Without blanks at either end: ASCII ones only, for 0xA0 is part of many a UTF-8 character. */
export function trimBlanks(text: string): string {
  // Not by a regular expression: one that looks for the end tries every run of blanks from each of its blanks anew.
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

/** All fields of that name (lower case), in order. */
export function fieldsNamed(block: HeaderBlock, name: string): HeaderField[] {
  return block.fields.filter((field) => field.name === name);
}
