// What the edge needs of its spool, whatever the format on disk.
import type { Readable } from 'node:stream';
import type { Envelope } from '../../../functions/contract/envelope.ts';

/**
 * A place where mail survives. The states of a message:
 *
 * - *incoming*: being received, not promised; swept at start.
 * - *queued*: its bytes and its name are on the disk itself. `commit` resolving is the instant of success: the 250
 *   may be sent from then on and not before.
 * - *failed*: kept, with the reason, until a person decides.
 */
export interface Spool {
  /** Why a message of so many bytes has no room now, in words for a person; undefined when it has. */
  roomProblem(bytes: number): Promise<string | undefined>;
  /** Starts a message. */
  begin(id: string, envelope: Envelope): IncomingMessage;
  /** The entry that has been due for longest, marked as taken; undefined when nothing is due at `now`. */
  take(now: number): QueuedEntry | undefined;
  /** When the next entry that is not taken falls due, in milliseconds since 1970; undefined when there is none. */
  nextDue(): number | undefined;
  /** Opens a message that was taken. Throws {@link DamagedMessageError} when what is on disk is not what was promised. */
  open(entry: QueuedEntry): Promise<StoredMessage>;
  /** Ends what {@link take} began. */
  settle(entry: QueuedEntry, settlement: Settlement): Promise<void>;
  /** Calls `listener` after every commit, and whenever an entry may have become due otherwise. */
  onQueued(listener: () => void): void;
  counts(): SpoolCounts;
  /** Every queued message, in no particular order. */
  queued(): Iterable<QueuedEntry>;
  /** Every failed message. */
  failed(): Promise<FailedEntry[]>;
  /** The failed message of this id; undefined when there is none. */
  failedOne(id: string): Promise<FailedEntry | undefined>;
  /** Opens a queued or failed message for a person; undefined when there is none of this id. */
  find(id: string): Promise<StoredMessage | undefined>;
  /** Makes a queued message due now, or a failed one queued again with no attempts. */
  retry(id: string): Promise<OperatorResult>;
  /** Makes those of these messages that are queued, and that nobody has, due now. */
  expedite(ids: Iterable<string>): void;
  /** Keeps a queued message from being forwarded: it becomes a failed one with this reason. */
  hold(id: string, reason: string): Promise<OperatorResult>;
  /** Deletes a message for good. */
  remove(id: string): Promise<OperatorResult>;
  /** Deletes every message that failed before `before`, milliseconds since 1970; resolves with their ids. */
  sweepFailed(before: number): Promise<string[]>;
  /** Waits for what is under way and lets go of the directory. */
  close(): Promise<void>;
}

/** A message while its bytes arrive. Exactly one of `commit` and `abort` ends it. */
export interface IncomingMessage {
  /** Takes the next bytes of the stored message. Rejects with {@link SpoolFullError} when the disk is full. */
  append(chunk: Uint8Array): Promise<void>;
  /** SHA-256 of the bytes so far, base64. */
  digest(): string;
  /**
   * Makes the message durable and queued, due at once; `receivedAt` in milliseconds since 1970.
   * Resolves with the SHA-256 of its bytes, base64.
   */
  commit(receivedAt: number): Promise<string>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
}

/** A promised message. Only the spool changes it. */
export interface QueuedEntry {
  readonly id: string;
  /** Size of the stored message. */
  readonly bytes: number;
  /** Envelope sender, for fairness between senders. */
  readonly sender: string;
  /** When the 250 was promised, milliseconds since 1970. */
  readonly queuedAt: number;
  readonly due: number;
  /** Failed attempts so far. */
  readonly attempts: number;
  /** When forwarding was tried first; undefined before. */
  readonly firstTriedAt: number | undefined;
}

/** A message opened for forwarding; `open` may be called again for the next attempt. */
export interface StoredMessage {
  readonly envelope: Envelope;
  readonly bytes: number;
  /** SHA-256 of the stored message, base64. */
  readonly sha256: string;
  /** The bytes, from the disk. */
  body(): Readable;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/** What becomes of an entry. */
export type Settlement =
  | { readonly kind: 'forwarded' }
  | { readonly kind: 'retry'; readonly attempts: number; readonly due: number; readonly firstTriedAt: number }
  | { readonly kind: 'failed'; readonly attempts: number; readonly code: string; readonly reason: string };

/** What came of an operator's command; `busy`: the message is being forwarded, or moved, at this moment. */
export type OperatorResult = 'done' | 'unknown' | 'busy';

/** A message kept for a person. */
export interface FailedEntry {
  readonly id: string;
  readonly bytes: number;
  readonly attempts: number;
  readonly code: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly failedAt: string;
}

/** What the spool holds. */
export interface SpoolCounts {
  readonly queued: number;
  readonly queuedBytes: number;
  readonly failed: number;
  /** When the oldest queued message was promised; undefined when none waits. */
  readonly oldestQueuedAt: number | undefined;
}

/** There is no room for a message: the device should come back later (452 4.3.1). */
export class SpoolFullError extends Error {
  override name = 'SpoolFullError';
}

/** What is on disk is not what was promised; the message was put aside. */
export class DamagedMessageError extends Error {
  override name = 'DamagedMessageError';
}
