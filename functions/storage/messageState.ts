/**
 * The state record of one mail in the cloud, and what each state means.
 *
 * | state      | meaning                                                        | who moves it on |
 * |------------|----------------------------------------------------------------|-----------------|
 * | `accepted` | promised; `due` says when next, `attempts` > 0: waiting to retry | a wake-up; the sweeper if none comes |
 * | `sending`  | claimed, written by If-Match immediately before Graph is called | the claim's owner; after `until`, the ambiguity policy |
 * | `sent`     | Graph answered 202. Absorbs every other state                  | nobody: it is the receipt |
 * | `held`     | the outcome is unknown and the policy says a human decides     | `retry?mayDuplicate=true` |
 * | `failed`   | final; `reason` starts with the code                           | `retry` → `accepted`, attempts 0 |
 *
 * Only this record decides. Wake-ups in the queues may be lost, doubled or out of order without harm.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MESSAGE_STATES, type MessageStatus } from '../contract/relayProtocol.ts';

const isoTime = z.iso.datetime({ offset: true });

const claimSchema = z.object({
  owner: z.string(),
  since: isoTime,
  /** The claim is void after this, and what its owner did is unknown. */
  until: isoTime,
  attempt: z.int(),
});

/** An attempt of unknown outcome that is to be looked for in the mailbox (`AMBIGUOUS_SEND=check`). */
const doubtSchema = z.object({
  since: isoTime,
  until: isoTime,
  /** Times it was looked for and not found. */
  looks: z.int(),
  /** Times looking itself failed. */
  failedLooks: z.int().default(0),
});

const stateSchema = z.object({
  v: z.literal(1),
  caller: z.string(),
  id: z.string(),
  /** Reverse-path of the envelope, empty for `<>`; of an application's mail, which has none, who it is from. */
  from: z.string(),
  /** Forward-paths of the envelope: exactly who gets the mail. */
  to: z.array(z.string()).min(1),
  receivedAt: isoTime,
  edge: z.string(),
  client: z.object({ address: z.string(), helo: z.string(), user: z.string(), tls: z.string() }),
  /** The mailbox that sends, chosen at intake by the sender rules. */
  mailbox: z.string(),
  /** FALLBACK_MAILBOX has taken the mail over: it sends under its own address. */
  fallback: z.boolean().optional(),
  /** A person retries the mail: the sender rules of now choose the mailbox before it is tried. */
  chooseMailbox: z.boolean().optional(),
  /** Message-ID as the mail carries it, or the one it will be given. */
  messageId: z.string(),
  /** Bytes of the stored message. */
  size: z.int(),
  /** SHA-256 of the request body as it was posted, hex. */
  bodySha256: z.string(),
  /** SHA-256 of from and to of the envelope as it was submitted, hex. */
  envelopeSha256: z.string(),
  state: z.enum(MESSAGE_STATES),
  /** Calls to Graph that were begun since the mail was accepted or last retried by a person. */
  attempts: z.int(),
  acceptedAt: isoTime,
  due: isoTime.nullable(),
  sentAt: isoTime.nullable(),
  claim: claimSchema.nullable(),
  doubt: doubtSchema.nullable().default(null),
  /** Graph said that the mail is too large for one request, or it became so: it goes as a draft. */
  asDraft: z.boolean().optional(),
  /** The finished draft of a large mail, written down before it is sent. Half-built ones are not in here. */
  draftId: z.string().nullable(),
  /** When sending the draft was last begun, while what came of it is open. */
  draftSendAt: isoTime.optional(),
  /** Drafts that were to be sent, each when last: they are not deleted for a day, whatever became of them. */
  triedDrafts: z.array(z.object({ id: z.string(), at: isoTime })).optional(),
  reason: z.string().nullable(),
  /** Of what class the last attempt's outcome was, where it was worth another one; see graphOutcome.ts. */
  reasonClass: z.enum(['throttled', 'operator', 'ambiguous', 'refused']).optional(),
  /** Times since the last outcome of an attempt that the process died or a bug threw: expired claims, poisoned wake-ups. */
  crashes: z.int(),
  /** For `failed`: whether event and report have gone out. */
  reported: z.boolean(),
  /** For `failed`: it was not reported by itself and waits for the postmaster's digest. */
  digestDue: z.boolean().default(false),
  traceparent: z.string(),
});

/** See the head of this file. Times are ISO 8601. */
export type MessageStateRecord = z.infer<typeof stateSchema>;

/** What is known of a mail when it is accepted. */
export type AcceptedMail = Pick<
  MessageStateRecord,
  | 'caller'
  | 'id'
  | 'from'
  | 'to'
  | 'receivedAt'
  | 'edge'
  | 'client'
  | 'mailbox'
  | 'messageId'
  | 'size'
  | 'bodySha256'
  | 'envelopeSha256'
  | 'traceparent'
>;

/** The record of a mail that is accepted now and due at once. */
export function acceptedState(mail: AcceptedMail, now: string): MessageStateRecord {
  return {
    v: 1,
    ...mail,
    state: 'accepted',
    attempts: 0,
    acceptedAt: now,
    due: now,
    sentAt: null,
    claim: null,
    doubt: null,
    draftId: null,
    reason: null,
    crashes: 0,
    reported: false,
    digestDue: false,
  };
}

/** SHA-256 of envelope from and to, hex: same mail for other recipients is another mail. */
export function envelopeSha256(from: string, to: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([from, to]))
    .digest('hex');
}

/** Reads a state record from storage. Throws when it is not one: nothing else writes there. */
export function parseMessageState(json: string): MessageStateRecord {
  return stateSchema.parse(JSON.parse(json));
}

/** What a caller may know of its mail. */
export function publicStatus(record: MessageStateRecord): MessageStatus {
  const { id, state, attempts, acceptedAt, sentAt, due, reason } = record;
  return { id, state, attempts, acceptedAt, sentAt, due, reason };
}
