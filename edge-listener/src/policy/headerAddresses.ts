// The addresses in the From and Sender fields of a header.

/** One header field. */
export interface HeaderField {
  /** In lower case. */
  readonly name: string;
  /** Unfolded, trimmed. */
  readonly value: string;
}

/** The fields of a header with CRLF line ends, in order. Lines that are no fields are passed over. */
export function headerFields(header: string): HeaderField[] {
  const unfolded = header.replace(/\r\n(?=[ \t])/g, '');
  return unfolded.split('\r\n').flatMap((line) => {
    const match = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(line);
    return match ? [{ name: match[1]!.toLowerCase(), value: match[2]!.trim() }] : [];
  });
}

/**
 * The addresses of an address list (RFC 5322 section 3.4): what stands in angle brackets, or the whole item. Quoted
 * strings and comments are passed over, so that `"boss@example.com" <me@example.com>` is `me@example.com`. Undefined
 * when the list is not balanced, or an item names more than one: then nobody can say whom it names.
 */
export function listedAddresses(list: string): string[] | undefined {
  const bare = withoutCommentsAndQuotes(list);
  if (bare === undefined) return undefined;
  const addresses: string[] = [];
  for (const item of bare.split(/[,;]/)) {
    const angled = /^[^<>]*<([^<>]*)>\s*$/.exec(item);
    if (!angled && /[<>]/.test(item)) return undefined;
    const address = (angled ? angled[1]! : item.slice(item.lastIndexOf(':') + 1)).replace(/\s+/g, '');
    if (address !== '') addresses.push(address.replace(/^@[^:]*:/, ''));
  }
  return addresses;
}

function withoutCommentsAndQuotes(text: string): string | undefined {
  let out = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\\' && (quoted || depth > 0)) at++;
    else if (quoted) quoted = char !== '"';
    else if (char === '"' && depth === 0) quoted = true;
    else if (char === '(') depth++;
    else if (char === ')' && depth > 0) depth--;
    else if (depth === 0) out += char;
  }
  return quoted || depth > 0 ? undefined : out;
}
