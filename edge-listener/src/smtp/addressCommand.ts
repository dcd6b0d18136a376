// Reads the argument of MAIL FROM and RCPT TO, as kindly as real devices need.

/** The path and its ESMTP parameters; `duplicate` names a parameter given twice, which the library refuses. */
export interface ParsedPath {
  address: string;
  args: Record<string, string | true> | false;
  duplicate?: string;
}

/**
 * Reads `MAIL FROM:<path> KEY=value …` and `RCPT TO:<path> …` (RFC 5321 section 4.1.1); false when it cannot be read.
 * Taken as well: no angle brackets (HP LaserJet 4345), blanks around and inside them, a name before them, a parameter
 * right behind them. What the address may look like is decided elsewhere. Control characters and 8-bit bytes are
 * never taken: without SMTPUTF8 they have no place here, and they are what header injection is made of.
 *
 * @param name `mail from` or `rcpt to`
 */
export function parseAddressCommand(name: string, line: string): ParsedPath | false {
  const match = /^\s*(MAIL|RCPT)\s+(FROM|TO)\s*:(.*)$/is.exec(line);
  if (!match || `${match[1]} ${match[2]}`.toLowerCase() !== name.trim().toLowerCase()) return false;
  const argument = match[3]!.replace(/\sAUTH=<[^<>\s]*>(?=\s|$)/i, '').trim(); // means nothing here (RFC 4954)
  if (argument === '' || /[^\x20-\x7e\t]/.test(argument)) return false;
  const bracketed = /^(?:"[^"]*"|[^<>"])*<([^<>]*)>(.*)$/.exec(argument);
  const bare = bracketed ? undefined : /^([^\s<>]+)(.*)$/.exec(argument);
  const [, path, rest] = bracketed ?? bare ?? [];
  if (path === undefined || /[<>]/.test(rest!)) return false;
  return { address: withoutSourceRoute(path.trim()), ...parameters(rest!) };
}

/** One RCPT command for each address of a list such as `RCPT TO:<a@b>,<c@d>`; undefined when it is no list. */
export function recipientList(line: string): string[] | undefined {
  const argument = /^\s*RCPT\s+TO\s*:(.*)$/is.exec(line)?.[1]?.trim() ?? '';
  const items = (/^<([^<>]*)>$/.exec(argument)?.[1] ?? argument).split(/[,;]/).map((item) => item.trim());
  const named = items.filter((item) => item !== '');
  return named.length > 1 ? named.map((item) => `RCPT TO:${item}`) : undefined;
}

/** RFC 5321 appendix C: a source route must be accepted and ignored. */
function withoutSourceRoute(path: string): string {
  return path.replace(/^@[^\s,:@]+(?:,@[^\s,:@]+)*:/, '');
}

function parameters(text: string): Pick<ParsedPath, 'args' | 'duplicate'> {
  const args: Record<string, string | true> = Object.create(null);
  let duplicate: string | undefined;
  for (const parameter of text.split(/\s+/).filter((part) => part !== '')) {
    const equals = parameter.indexOf('=');
    const key = (equals < 0 ? parameter : parameter.slice(0, equals)).toUpperCase();
    if (key === '') continue;
    if (key in args) duplicate = key;
    args[key] = equals < 0 || equals === parameter.length - 1 ? true : parameter.slice(equals + 1);
  }
  return { args: Object.keys(args).length > 0 ? args : false, ...(duplicate ? { duplicate } : {}) };
}

/**
 * The address a device meant: `printer` gets the default domain, the root dot of `a@d.` is dropped. Everything else
 * stays as it was spelt.
 */
export function completeAddress(address: string, defaultDomain: string | undefined): string {
  if (address === '') return address;
  if (!address.includes('@')) return defaultDomain ? `${address}@${defaultDomain}` : address;
  return address.endsWith('.') ? address.slice(0, -1) : address;
}
