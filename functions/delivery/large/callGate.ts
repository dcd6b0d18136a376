/**
 * Every call of a large mail goes through this gate, so that the small mails of its mailbox get their turns in between,
 * and a 429 is waited out where it happened: what has been uploaded so far is not thrown away for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallResult, MailboxWindows, NotNow, Permit } from '../mailboxWindows.ts';

/** How long an attempt waits for a throttled mailbox, all waits together: more each time, well inside what one may take. */
const PATIENCE_MS = 5 * 60_000;
const MOST_PATIENT = 3;
/**
 * While mail of another mailbox wants to upload, an attempt keeps it from that no longer than this at one throttling, in
 * milliseconds; it then begins anew later. From attempt {@link MOST_PATIENT} on it stays, or it might never come through.
 */
const PATIENCE_BEFORE_OTHERS_MS = 30_000;
/** While a throttled mailbox is waited for, how often it is asked whether others want to upload, in milliseconds. */
const LOOK_AROUND_MS = 5000;
/** A pause where Graph names none. */
const DEFAULT_PAUSE_MS = 10_000;
/** A mailbox that has had enough is left alone for a moment, whatever `Retry-After` says. */
const LEAST_PAUSE_MS = 1000;

/** What is known of a call that was made: whether Graph had enough of the mailbox, and for how long. */
export interface CallEnd {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
}

export interface CallGate {
  /**
   * Makes a call when the mailbox has room, and again after a 429 unless the patience is used up or others want to go;
   * then, and for any other answer, gives back the last one. Throws what the call throws, and when `signal` has ended the attempt.
   */
  call<T extends CallEnd>(make: () => Promise<T>): Promise<T>;
  /** A pause before something is tried again. */
  pause(ms: number): Promise<void>;
}

export interface CallGateOptions {
  readonly windows: MailboxWindows;
  readonly mailbox: string;
  readonly signal: AbortSignal;
  /** Which attempt at the mail it is, 1 for the first: what did not go with little patience gets more. */
  readonly attempt: number;
  /** Whether mail of another mailbox waits for this one to be done. */
  othersWait(): boolean;
  /** Told of every 429. */
  onThrottled(pauseMs: number): void;
}

export function createCallGate(options: CallGateOptions): CallGate {
  const { windows, mailbox, signal, attempt, othersWait, onThrottled } = options;
  let patienceMs = PATIENCE_MS * Math.min(Math.max(options.attempt, 1), MOST_PATIENT);

  /**
   * Waits for the mailbox's next free call. It needs no place: this mail is in hand already, and a burst takes them all.
   * After a 429 others may be let past: then comes how long the wait would go on.
   */
  async function nextPermit(throttled: boolean): Promise<Permit | NotNow> {
    for (;;) {
      signal.throwIfAborted();
      const permit = windows.take(mailbox);
      if ('release' in permit) return permit;
      const { comeBackInMs } = permit;
      const tooLong = throttled && attempt < MOST_PATIENT && comeBackInMs > PATIENCE_BEFORE_OTHERS_MS;
      if (tooLong && othersWait()) return permit;
      await sleep(tooLong ? Math.min(comeBackInMs, LOOK_AROUND_MS) : comeBackInMs, undefined, { signal });
    }
  }

  return {
    async call<T extends CallEnd>(make: () => Promise<T>): Promise<T> {
      let throttled: T | undefined;
      for (;;) {
        const permit = await nextPermit(throttled !== undefined);
        if ('comeBackInMs' in permit) return { ...throttled!, retryAfterMs: permit.comeBackInMs };
        let result: CallResult = 'unknown';
        let end: T;
        try {
          end = await make();
          result = end.status === 429 ? 'throttled' : end.status < 400 ? 'clean' : 'unknown';
        } finally {
          permit.release(result);
        }
        if (end.status !== 429) return end;
        const pauseMs = Math.max(end.retryAfterMs ?? DEFAULT_PAUSE_MS, LEAST_PAUSE_MS);
        if (pauseMs > patienceMs) return end;
        patienceMs -= pauseMs;
        windows.park(mailbox, pauseMs);
        onThrottled(pauseMs);
        throttled = end;
      }
    },
    async pause(ms) {
      await sleep(ms, undefined, { signal });
    },
  };
}
