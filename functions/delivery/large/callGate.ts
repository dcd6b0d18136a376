/**
 * Every call of a large mail goes through this gate, so that the small mails of its mailbox get their turns in between,
 * and a 429 is waited out where it happened: what has been uploaded so far is not thrown away for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallResult, MailboxWindows, Permit } from '../mailboxWindows.ts';

/** How long an attempt waits for a throttled mailbox, all waits together: more each time, well inside what one may take. */
const PATIENCE_MS = 5 * 60_000;
const MOST_PATIENT = 3;
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
   * Makes a call when the mailbox has room, and again after a 429 unless the patience is used up; then, and for any
   * other answer, gives back the last one. Throws what the call throws, and when `signal` has ended the attempt.
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
  /** Told of every 429. */
  onThrottled(pauseMs: number): void;
}

export function createCallGate(options: CallGateOptions): CallGate {
  const { windows, mailbox, signal, onThrottled } = options;
  let patienceMs = PATIENCE_MS * Math.min(Math.max(options.attempt, 1), MOST_PATIENT);

  /** Waits for the mailbox's next free call. It needs no place: this mail is in hand already, and a burst takes them all. */
  async function nextPermit(): Promise<Permit> {
    for (;;) {
      signal.throwIfAborted();
      const permit = windows.take(mailbox);
      if ('release' in permit) return permit;
      await sleep(permit.comeBackInMs, undefined, { signal });
    }
  }

  return {
    async call<T extends CallEnd>(make: () => Promise<T>): Promise<T> {
      for (;;) {
        const permit = await nextPermit();
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
      }
    },
    async pause(ms) {
      await sleep(ms, undefined, { signal });
    },
  };
}
