/** Who may submit mail, and what they may send: the CALLERS setting. Default deny. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { addressPatternSchema } from '../mail/addressPattern.ts';

const CALLER_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The relay itself, as the caller of its own reports; nobody else can have this name. */
export const REPORTS_CALLER = 'reports';

/** Caller names are blob path segments: lower-case letters, digits and inner hyphens, at most 63. */
export function isCallerName(name: string): boolean {
  return CALLER_NAME.test(name);
}

const callerSchema = z.strictObject({
  /** SHA-256 of each valid key, hex. Several may be valid at once, so that a key can be rotated. */
  keyHashes: z.array(z.string().regex(/^[0-9a-f]{64}$/, 'expected the SHA-256 of a key as 64 hex digits')).default([]),
  /** Entra application (client) ids whose access tokens speak for this caller. */
  applicationIds: z.array(z.guid().toLowerCase()).default([]),
  /** Addresses the caller may send as. */
  senders: z.array(addressPatternSchema).default([]),
  /** Addresses the caller may send to. */
  recipients: z.array(addressPatternSchema).default([]),
  /** Messages per minute and instance; without it there is no limit. */
  messagesPerMinute: z.int().positive().optional(),
  /** Bytes per message, below MAX_MESSAGE_BYTES. */
  maxMessageBytes: z.int().positive().optional(),
});

/** The CALLERS setting: one rule set per caller name. */
export const callersSchema = z.record(
  z
    .string()
    .regex(CALLER_NAME, 'expected lower-case letters, digits and inner hyphens')
    .refine((name) => name !== REPORTS_CALLER, `expected another name: ${REPORTS_CALLER} is the relay's own`),
  callerSchema,
);

/** What one caller may do. */
export type CallerRules = z.infer<typeof callerSchema>;

export interface Caller extends CallerRules {
  readonly name: string;
}

/** Finds the caller a key belongs to, in time that does not depend on how much of the key is right. */
export function findCallerByKey(callers: readonly Caller[], key: string): Caller | undefined {
  const given = createHash('sha256').update(key).digest();
  let found: Caller | undefined;
  for (const caller of callers)
    for (const hash of caller.keyHashes) if (timingSafeEqual(Buffer.from(hash, 'hex'), given)) found = caller;
  return found;
}

/** Finds the caller that an Entra application speaks for. */
export function findCallerByApplication(callers: readonly Caller[], applicationId: string): Caller | undefined {
  return callers.find((caller) => caller.applicationIds.includes(applicationId.toLowerCase()));
}

/** SHA-256 of the key that every copy of this project has, for trying it out on one machine. */
const LOCAL_KEY_HASH = 'ed5a18fb8f807f996d649e379d3f35f39c543a91bdbf88c492f2ebd10d4df86c';

/** What cannot be meant, in words: a key or an application of two callers; with `real` mail, the key that is public. */
export function callerContradictions(callers: Readonly<Record<string, CallerRules>>, real: boolean): string[] {
  const problems: string[] = [];
  const owners = new Map<string, string>();
  for (const [name, { keyHashes, applicationIds }] of Object.entries(callers)) {
    if (real && keyHashes.includes(LOCAL_KEY_HASH))
      problems.push(`CALLERS: caller ${name} has the key of local.settings.sample.json, which everybody knows`);
    const credentials = [
      ...keyHashes.map((hash) => [hash, `the key ${hash.slice(0, 8)}…`] as const),
      ...applicationIds.map((id) => [id, `the application ${id}`] as const),
    ];
    for (const [id, called] of credentials) {
      const owner = owners.get(id) ?? name;
      if (owner !== name)
        problems.push(`CALLERS: expected one caller for ${called}; ${owner} and ${name} both have it`);
      owners.set(id, owner);
    }
  }
  return problems;
}
