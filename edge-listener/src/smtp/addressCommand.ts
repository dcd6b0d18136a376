// Reads the argument of MAIL FROM and RCPT TO.

/** The path and its ESMTP parameters; `duplicate` names a parameter given twice, which the library refuses. */
export interface ParsedPath {
  address: string;
  args: Record<string, string | true> | false;
  duplicate?: string;
}

/**
 * Reads `MAIL FROM:<path> KEY=value …` and `RCPT TO:<path> …` (RFC 5321 section 4.1.1); false when it cannot be read.
 * What the address may look like is not decided here. Control characters and 8-bit bytes are never accepted: they
 * have no place in an address without SMTPUTF8, and they are what header injection is made of.
 *
 * @param name `mail from` or `rcpt to`
 */
export function parseAddressCommand(name: string, line: string): ParsedPath | false {
  const match = /^\s*(MAIL|RCPT)\s+(FROM|TO)\s*:\s*(.*)$/is.exec(line);
  if (!match || `${match[1]} ${match[2]}`.toLowerCase() !== name.trim().toLowerCase()) return false;
  const argument = match[3]!.trim();
  if (/[^\x20-\x7e\t]/.test(argument)) return false;
  const bracketed = /^<([^<>]*)>(?:\s+(.*))?$/s.exec(argument);
  if (!bracketed) return false;
  const path = bracketed[1]!;
  return { address: withoutSourceRoute(path), ...parameters(bracketed[2] ?? '') };
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
