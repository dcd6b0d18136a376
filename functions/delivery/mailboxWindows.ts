/**
 * How many calls to Graph may run at once per mailbox, and when the next may start. Graph allows 4 per app and mailbox
 * over all processes (https://learn.microsoft.com/graph/throttling-limits); a process knows only itself, so each starts
 * with its share, widens it while all goes well and halves it on a 429. Nobody waits here: who gets no permit is told
 * when to come back, so a burst for one mailbox never holds up another.
 */

/** Graph's limit of concurrent requests per app and mailbox. */
const GRAPH_CONCURRENCY = 4;
/** Clean calls after which the window grows by one. */
const CLEAN_CALLS = 40;
/**
 * What a call is taken to last before one was measured. Low rather than high: who comes back too early asks once more,
 * who comes back too late leaves the mailbox idle.
 */
const FIRST_CALL_MS = 200;
/** Most places per permit, where storage is that much slower than Graph. */
const MAX_PLACES_PER_PERMIT = 8;
/** Weight of the newest measurement in the rate. */
const SMOOTHING = 0.2;
/** Nobody is told to come back later than this after the mailbox is free. */
const LONGEST_LINE_MS = 60_000;
/** Mailboxes not used for this long are forgotten. */
const FORGET_MS = 15 * 60_000;

/** The right to make one call to Graph for the mailbox. */
export interface Permit {
  /** Gives the permit back: `clean` widens the window in time, `throttled` halves it, `unknown` leaves it. */
  release(result: CallResult): void;
}
export type CallResult = 'clean' | 'throttled' | 'unknown';

/** Not now: come back in so many milliseconds. */
export interface NotNow {
  readonly comeBackInMs: number;
}

/** A place among those who have mail of the mailbox in hand: so many more than may call at once that calls follow closely. */
export interface Place {
  take(): Permit | NotNow;
  leave(): void;
}

export interface MailboxWindows {
  /** A place, or when to come back. Asking costs nothing, so ask before anything is read. */
  enter(mailbox: string): Place | NotNow;
  /** A permit without a place, for one of the many calls that a large mail takes. */
  take(mailbox: string): Permit | NotNow;
  /** No places for this mailbox for a while. */
  park(mailbox: string, ms: number): void;
  /**
   * How many times in a row the mailbox has asked for an administrator, this time included. Calls that were under way
   * together, so that their answers come while it rests, are one time; a clean call ends the row.
   */
  troubled(mailbox: string): number;
}

interface Window {
  /** Calls that may run at once. */
  size: number;
  /** Calls that run. */
  busy: number;
  /** Places that are given out. */
  inside: number;
  clean: number;
  /** Times in a row that an administrator was asked for. */
  troubles: number;
  parkedUntil: number;
  /** When the last place in line that was given out is due. */
  next: number;
  /** Smoothed milliseconds that one call takes. */
  callMs: number;
  /** Smoothed milliseconds that one mail holds its place: reading it, calling Graph, writing down what came of it. */
  placeMs: number;
  usedAt: number;
}

/** @param maxInstances how many processes share Graph's limit */
export function createMailboxWindows(maxInstances: number, now: () => number = Date.now): MailboxWindows {
  const share = Math.max(1, Math.floor(GRAPH_CONCURRENCY / maxInstances));
  const windows = new Map<string, Window>();

  function windowOf(mailbox: string): Window {
    const key = mailbox.toLowerCase();
    let window = windows.get(key);
    if (!window) {
      forgetIdle();
      window = {
        size: share,
        busy: 0,
        inside: 0,
        clean: 0,
        troubles: 0,
        parkedUntil: 0,
        next: 0,
        callMs: FIRST_CALL_MS,
        placeMs: 2 * FIRST_CALL_MS,
        usedAt: 0,
      };
      windows.set(key, window);
    }
    window.usedAt = now();
    return window;
  }

  function forgetIdle(): void {
    for (const [key, { inside, busy, parkedUntil, usedAt }] of windows)
      if (inside === 0 && busy === 0 && Math.max(parkedUntil, usedAt) < now() - FORGET_MS) windows.delete(key);
  }

  /** As many as keep every permit in use (Little's law), and one more. */
  function places({ size, placeMs, callMs }: Window): number {
    return Math.min(size * MAX_PLACES_PER_PERMIT, Math.ceil((size * placeMs) / Math.max(1, callMs)) + 1);
  }

  /** The slot clock: places in line one call apart, so that those who come back do not come back together. */
  function notNow(window: Window): NotNow {
    const first = Math.max(now(), window.parkedUntil);
    // A line that is longer than this is made of wake-ups that came to nothing: who is told to come back later than the
    // mailbox is free waits for nobody.
    if (window.next > first + LONGEST_LINE_MS) window.next = first;
    window.next = Math.max(first, window.next) + window.callMs / window.size;
    return { comeBackInMs: window.next - now() };
  }

  function take(window: Window): Permit | NotNow {
    const began = now();
    if (began < window.parkedUntil || window.busy >= window.size) return notNow(window);
    window.busy++;
    return {
      release(result) {
        window.busy--;
        if (result === 'clean') window.troubles = 0;
        window.callMs += SMOOTHING * (now() - began - window.callMs);
        if (result === 'throttled') {
          window.size = Math.max(1, Math.floor(window.size / 2));
          window.clean = 0;
        } else if (result === 'clean' && ++window.clean >= CLEAN_CALLS && window.size < GRAPH_CONCURRENCY) {
          window.size++;
          window.clean = 0;
        }
      },
    };
  }

  return {
    enter(mailbox) {
      const window = windowOf(mailbox);
      if (now() < window.parkedUntil || window.inside >= places(window)) return notNow(window);
      window.inside++;
      const entered = now();
      let called = false;
      return {
        take: () => {
          const permit = take(window);
          called = 'release' in permit;
          return permit;
        },
        leave: () => {
          window.inside--;
          if (called) window.placeMs += SMOOTHING * (now() - entered - window.placeMs);
        },
      };
    },
    take: (mailbox) => take(windowOf(mailbox)),
    park(mailbox, ms) {
      const window = windowOf(mailbox);
      window.parkedUntil = Math.max(window.parkedUntil, now() + ms);
    },
    troubled(mailbox) {
      const window = windowOf(mailbox);
      if (window.troubles === 0 || now() >= window.parkedUntil) window.troubles++;
      return window.troubles;
    },
  };
}
