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
/** Weight of the newest measurement in the rate. */
const SMOOTHING = 0.2;
/** Mailboxes not used for this long are forgotten. */
const FORGET_MS = 15 * 60_000;

export interface Permit {
  /** Gives the permit back: `clean` widens the window in time, `throttled` halves it, `unknown` leaves it. */
  release(result: 'clean' | 'throttled' | 'unknown'): void;
}

export interface MailboxWindows {
  /** A permit, or how many milliseconds to come back in. */
  take(mailbox: string): Permit | { readonly comeBackInMs: number };
  /** No permits for this mailbox for a while. */
  park(mailbox: string, ms: number): void;
}

interface Window {
  size: number;
  busy: number;
  clean: number;
  parkedUntil: number;
  /** When the last place in line that was given out is due. */
  next: number;
  /** Smoothed milliseconds that one call takes. */
  callMs: number;
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
      window = { size: share, busy: 0, clean: 0, parkedUntil: 0, next: 0, callMs: 500, usedAt: 0 };
      windows.set(key, window);
    }
    window.usedAt = now();
    return window;
  }

  function forgetIdle(): void {
    for (const [key, { busy, parkedUntil, usedAt }] of windows)
      if (busy === 0 && Math.max(parkedUntil, usedAt) < now() - FORGET_MS) windows.delete(key);
  }

  return {
    take(mailbox) {
      const window = windowOf(mailbox);
      const began = now();
      if (began < window.parkedUntil || window.busy >= window.size) {
        // The slot clock: places in line one call apart, so that those who come back do not come back together.
        window.next = Math.max(began, window.next, window.parkedUntil) + window.callMs / window.size;
        return { comeBackInMs: window.next - began };
      }
      window.busy++;
      return {
        release(result) {
          window.busy--;
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
    },
    park(mailbox, ms) {
      const window = windowOf(mailbox);
      window.parkedUntil = Math.max(window.parkedUntil, now() + ms);
    },
  };
}
