import { domainToASCII } from 'node:url';

/**
 * The form in which two addresses are compared: the domain in ASCII (RFC 5891), both parts in lower case, a local
 * part freed of quotes that it does not need. RFC 5321 section 2.4 calls local parts case-sensitive; Exchange does not.
 */
export function addressKey(address: string): string {
  const at = address.lastIndexOf('@');
  if (at < 0) return address.toLowerCase();
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(address.slice(0, at));
  const bare = quoted?.[1]?.replace(/\\(.)/g, '$1');
  const local = bare !== undefined && /^[^\s"(),:;<>@[\\\]]+$/.test(bare) ? bare : address.slice(0, at);
  const domain = address.slice(at + 1);
  return `${local}@${domainInAscii(domain)}`.toLowerCase();
}

/**
 * A domain in the form that mail carries (RFC 5891). `domainToASCII` reads the host of a URL: what is in ASCII already,
 * or could be more than a host, stays as it is.
 */
export function domainInAscii(domain: string): string {
  return /^\p{ASCII}*$/u.test(domain) || /[/?#%\\:@\s]/.test(domain) ? domain : domainToASCII(domain) || domain;
}
