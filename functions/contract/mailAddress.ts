/** Longest path RFC 5321 section 4.5.3.1.3 knows, without the angle brackets. */
const MAX_ADDRESS_LENGTH = 254;

/**
 * Why `address` cannot be the address of a mailbox, in words for a person; undefined when it can.
 *
 * Syntax of RFC 5321 section 4.1.2, as kindly as real devices need: a local part may end in a dot or hold two
 * (HPE iLO sends `ilo.@example.com`), a domain may hold underscores. Never allowed, because they would change the
 * meaning of a header: control characters, blanks, angle brackets, commas, semicolons, and characters outside ASCII
 * (the relay does not offer SMTPUTF8).
 */
export function addressProblem(address: string): string | undefined {
  if (address === '') return 'it is empty';
  if (address.length > MAX_ADDRESS_LENGTH) return `it is longer than ${MAX_ADDRESS_LENGTH} characters`;
  const at = address.lastIndexOf('@');
  if (at < 0) return 'it has no @';
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  if (local === '') return 'nothing stands before the @';
  if (domain === '') return 'nothing stands after the @';
  if (local.length > 64) return 'the part before the @ is longer than 64 characters';
  if (/[^\x21-\x7e]/.test(address)) return 'it holds a blank, a control character or a character outside ASCII';
  if (!/^(?:[^\s"(),:;<>@[\\\]]+|"(?:[^"\\]|\\.)+")$/.test(local))
    return 'the part before the @ holds a character that must be quoted';
  if (/^\[(?:[\d.]+|IPv6:[\da-f:.]+)\]$/i.test(domain)) return undefined;
  if (domain.split('.').some((label) => !/^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)))
    return 'the part after the @ is not a domain name';
  return undefined;
}
