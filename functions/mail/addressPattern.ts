import { z } from 'zod';
import { addressKey } from './addressKey.ts';

const PATTERN = /^(?:\*|(?:\*|[^\s*@]+)@[^\s*@]+)$/;

/** A rule about addresses: `*` (any), `*@contoso.com` (any of a domain) or `printer@contoso.com`. */
export const addressPatternSchema = z
  .string()
  .regex(PATTERN, 'expected `*`, `*@domain` or `local@domain`')
  .transform((pattern) => (pattern === '*' ? pattern : addressKey(pattern)));

/** True when one of the patterns (as {@link addressPatternSchema} yields them) covers the address. */
export function matchesAny(patterns: readonly string[], address: string): boolean {
  const key = addressKey(address);
  const anyOfDomain = `*${key.slice(key.lastIndexOf('@'))}`;
  return patterns.some((pattern) => pattern === '*' || pattern === key || pattern === anyOfDomain);
}
