/**
 * Who may upload now. Graph takes 150 MB per app and mailbox in five minutes
 * (https://learn.microsoft.com/graph/throttling-limits); one large mail per mailbox goes up at a time, its bytes
 * reserved before the first of them leaves, and few at once in one process, so that memory stays flat.
 * Nobody waits here: who gets no seat is told when to come back.
 */
import { addressKey } from '../../mail/addressKey.ts';

const BUDGET_BYTES = 150_000_000;
const BUDGET_WINDOW_MS = 5 * 60_000;
/**
 * Large mails that one process works on at a time. Each takes some 60 MB for its thread and its buffers, and a process is to
 * stay below 250 MB; what is gained by more comes from more processes.
 */
const SEATS = 1;
/** When to look again for a seat that may get free any moment. */
const BUSY_MS = 5_000;

export interface Seat {
  /** True while mail of another mailbox asks for a seat in vain. */
  othersWait(): boolean;
  /** The mail has been dealt with; `bytes` is what was really uploaded. */
  leave(bytes: number): void;
}

export interface LargeMailSeats {
  /** A seat for a mail of so many bytes, or how many milliseconds to come back in. */
  take(mailbox: string, bytes: number): Seat | { readonly comeBackInMs: number };
}

interface Mailbox {
  busy: boolean;
  /** What was uploaded, and when that will be forgotten. */
  readonly spent: { readonly bytes: number; readonly until: number }[];
}

export function createLargeMailSeats(now: () => number = Date.now, seats = SEATS): LargeMailSeats {
  const mailboxes = new Map<string, Mailbox>();
  let taken = 0;
  /** When a mail last found no seat that had a mailbox for itself. */
  let turnedAwayAt = Number.NEGATIVE_INFINITY;

  function forgetOld(): void {
    for (const [key, { busy, spent }] of mailboxes) {
      while (spent[0] && spent[0].until <= now()) spent.shift();
      if (!busy && spent.length === 0) mailboxes.delete(key);
    }
  }

  return {
    take(name, bytes) {
      forgetOld();
      const key = addressKey(name);
      const mailbox = mailboxes.get(key) ?? { busy: false, spent: [] };
      if (taken >= seats && !mailbox.busy) turnedAwayAt = now();
      if (taken >= seats || mailbox.busy) return { comeBackInMs: BUSY_MS };
      // A mail larger than the whole budget goes when nothing else has been spent.
      let excess =
        mailbox.spent.reduce((sum, entry) => sum + entry.bytes, 0) + Math.min(bytes, BUDGET_BYTES) - BUDGET_BYTES;
      for (const entry of mailbox.spent) {
        if (excess <= 0) break;
        excess -= entry.bytes;
        if (excess <= 0) return { comeBackInMs: entry.until - now() };
      }
      mailbox.busy = true;
      mailboxes.set(key, mailbox);
      taken++;
      return {
        // Whoever waits asks again every five seconds, give or take what its queue is late.
        othersWait: () => now() - turnedAwayAt < 3 * BUSY_MS,
        leave(uploaded) {
          taken--;
          mailbox.busy = false;
          if (uploaded > 0) mailbox.spent.push({ bytes: uploaded, until: now() + BUDGET_WINDOW_MS });
        },
      };
    },
  };
}
