// Which mailboxes exist and what each may send as. Without a list every mailbox exists and may send as anyone.

import { GraphError } from './graphError.ts';

/** One entry of the mailbox list. Addresses compare without regard to case. */
export interface MailboxEntry {
  readonly address: string;
  /** The object id, accepted in `/users/{id}` like the address. An alias is not. */
  readonly id?: string;
  /** Other addresses that may stand in From and Sender (Send As). */
  readonly sendAs?: readonly string[];
  /** Largest message this mailbox may send, in bytes (`Set-Mailbox -MaxSendSize`). */
  readonly maxSendBytes?: number;
  /** False: the user exists but has no mailbox in Exchange Online. */
  readonly enabled?: boolean;
}

/** A mailbox that exists. */
export interface Mailbox {
  readonly address: string;
  readonly maxSendBytes: number;
  /** Throws ErrorSendAsDenied unless all of `addresses` may stand in From or Sender. */
  requireSendAs(addresses: readonly string[]): void;
}

/** Exchange Online's highest possible limit. */
const MAX_SEND_BYTES = 150_000_000;

/** Finds the mailbox of a `/users/{id}` segment; throws what Graph answers when there is none. */
export type FindMailbox = (user: string) => Mailbox;

/** The mailboxes of `entries`, or all there could be when undefined. */
export function createMailboxes(entries: readonly MailboxEntry[] | undefined): FindMailbox {
  if (!entries) return (user) => ({ address: user, maxSendBytes: MAX_SEND_BYTES, requireSendAs: () => {} });
  const byName = new Map<string, MailboxEntry>();
  for (const entry of entries) {
    byName.set(entry.address.toLowerCase(), entry);
    if (entry.id) byName.set(entry.id.toLowerCase(), entry);
  }
  return (user) => {
    const entry = byName.get(user.toLowerCase());
    if (!entry) throw new GraphError('ErrorInvalidUser', `The requested user '${user}' is invalid.`);
    if (entry.enabled === false) throw new GraphError('MailboxNotEnabledForRESTAPI');
    const allowed = new Set([entry.address, ...(entry.sendAs ?? [])].map((address) => address.toLowerCase()));
    return {
      address: entry.address,
      maxSendBytes: entry.maxSendBytes ?? MAX_SEND_BYTES,
      requireSendAs(addresses) {
        if (addresses.some((address) => !allowed.has(address.toLowerCase()))) throw new GraphError('ErrorSendAsDenied');
      },
    };
  };
}
