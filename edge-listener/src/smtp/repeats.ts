// A device that did not get its 250 sends the same message again: it should go once.
import type { Envelope } from '../../../functions/contract/envelope.ts';

/** At most so many messages wait for the proof that their answer arrived. */
const MOST = 2000;
/** A connection silent for so long after its message ended may be dead without a sign, in milliseconds. */
const SILENT_MS = 5000;

/** A message that was received to its end. */
export interface EndedMessage {
  readonly id: string;
  readonly envelope: Envelope;
  readonly bytes: number;
  /** When its DATA began, by the clock of {@link createRepeats}. */
  readonly startedAt: number;
  /** SHA-256 of its bytes; asked for only when an earlier message may be the same. */
  readonly digest: () => string;
}

/** The answer to a message, from the end of the message until the client has shown that it got it. */
export interface Answer {
  /**
   * The id of an earlier message that this one only repeats; undefined when it is a new one. Waits when that one is
   * being stored at this moment. Undefined itself when there is nothing to wait for.
   */
  readonly repeatOf: Promise<string | undefined> | undefined;
  /** The message is promised. */
  kept(sha256: string): void;
  /** It is not, and there is nothing to repeat. */
  notKept(): void;
  /** The client got the answer: an equal message from now on is a new one. */
  confirmed(): void;
  /** The client went away without showing that it got it. */
  lost(): void;
}

interface Entry {
  id: string;
  readonly endedAt: number;
  /** Since when it may be repeated. */
  since: number;
  lost: boolean;
  /** Its checksum once it is promised; undefined when it never will be. */
  readonly stored: Promise<string | undefined>;
}

/**
 * Recognises a message whose sender did not learn that it is kept: the connection broke before the client said
 * anything after the 250, or has been silent for long, or it broke while the message was being stored. Two equal
 * messages whose answers both arrived are two messages: an alarm that rings twice rang twice.
 */
export function createRepeats(forMs: number, now: () => number = () => performance.now()) {
  const byKey = new Map<string, Set<Entry>>();
  const inOrder = new Map<Entry, string>();

  function forget(entry: Entry): void {
    const key = inOrder.get(entry);
    if (key === undefined) return;
    inOrder.delete(entry);
    const entries = byKey.get(key)!;
    entries.delete(entry);
    if (entries.size === 0) byKey.delete(key);
  }

  function add(key: string, entry: Entry): void {
    const entries = byKey.get(key) ?? new Set();
    byKey.set(key, entries.add(entry));
    inOrder.set(entry, key);
    if (inOrder.size > MOST) forget(inOrder.keys().next().value!);
  }

  function mayBeRepeatedAt(entry: Entry, startedAt: number): boolean {
    if (now() - entry.since > forMs) return false;
    return entry.lost ? startedAt >= entry.endedAt : startedAt - entry.endedAt >= SILENT_MS;
  }

  /** The id of the first of them that is stored with this checksum. */
  async function match(
    candidates: readonly Entry[],
    digest: () => string,
    isOver: () => boolean,
  ): Promise<string | undefined> {
    for (const entry of candidates) {
      const sha256 = await entry.stored;
      if (isOver()) return undefined;
      if (sha256 === undefined || sha256 !== digest()) continue;
      forget(entry);
      return entry.id;
    }
    return undefined;
  }

  return {
    /** The time that {@link EndedMessage.startedAt} is of. */
    now,
    /** A message has come to its end; it is about to be stored and answered. */
    ended({ id, envelope, bytes, startedAt, digest }: EndedMessage): Answer {
      const key = keyOf(envelope, bytes);
      const candidates = [...(byKey.get(key) ?? [])].filter((entry) => mayBeRepeatedAt(entry, startedAt));
      const { promise: stored, resolve } = Promise.withResolvers<string | undefined>();
      const entry: Entry = { id, endedAt: now(), since: now(), lost: false, stored };
      let over = false;
      if (forMs > 0) add(key, entry);
      return {
        repeatOf:
          candidates.length === 0
            ? undefined
            : match(candidates, digest, () => over).then((first) => {
                entry.id = first ?? id;
                return first;
              }),
        kept(sha256) {
          entry.since = now();
          resolve(sha256);
        },
        notKept() {
          over = true;
          resolve(undefined);
          forget(entry);
        },
        confirmed: () => forget(entry),
        lost() {
          entry.lost = true;
        },
      };
    },
  };
}

export type Repeats = ReturnType<typeof createRepeats>;

function keyOf({ from, to, client }: Envelope, bytes: number): string {
  return JSON.stringify([client.address, bytes, from, ...to]);
}
