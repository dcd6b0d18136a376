// Graph's limits for mail, per mailbox (and app, of which there is one here):
// 4 calls at once, 10,000 calls in 10 minutes, 150 MB uploaded in 5 minutes.
// https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits

import { setTimeout as sleep } from 'node:timers/promises';
import { GraphError } from './graphError.ts';

const MOST_CONCURRENT = 4;
const REQUESTS = { most: 10_000, seconds: 600 };
const UPLOAD = { most: 150_000_000, seconds: 300 };
/** How long a call takes at least while the limits are on: answered at once, calls would hardly ever meet. */
const LATENCY_MS = 150;

/** One call that has arrived. */
export interface Admission {
  /** Lets the call go on, or throws the 429 it has earned. `bytes` is the size of its body. */
  upload(bytes: number): Promise<void>;
  /** The call is over. */
  end(): void;
}

export interface GraphLimits {
  /** Counts the call from its arrival on; what it has earned is said by `upload`, once its body has been read. */
  admit(mailbox: string): Admission;
}

/** No limits. */
export const noLimits: GraphLimits = { admit: () => ({ upload: async () => {}, end: () => {} }) };

/** The limits of the real service, and a latency that makes calls meet. `clock` and `latency` are in milliseconds. */
export function createGraphLimits(clock: () => number = Date.now, latency = LATENCY_MS): GraphLimits {
  const mailboxes = new Map<string, { inFlight: number; requests: SlidingSum; uploaded: SlidingSum }>();
  return {
    admit(name) {
      if (name === '') return { upload: async () => {}, end: () => {} };
      let mailbox = mailboxes.get(name);
      if (!mailbox) {
        mailbox = { inFlight: 0, requests: slidingSum(REQUESTS.seconds), uploaded: slidingSum(UPLOAD.seconds) };
        mailboxes.set(name, mailbox);
      }
      const { requests, uploaded } = mailbox;
      const counted = mailbox;
      const second = Math.floor(clock() / 1000);
      // A refused call counts too, for this limit only.
      const requestsWait = requests.waitFor(second, 1, REQUESTS.most);
      requests.add(second, 1);
      const admitted = requestsWait === 0 && mailbox.inFlight < MOST_CONCURRENT;
      if (admitted) mailbox.inFlight++;
      return {
        async upload(bytes) {
          if (requestsWait > 0) throw throttled('MailboxRequests', requestsWait);
          if (!admitted) throw throttled('MailboxConcurrency', 1);
          const now = Math.floor(clock() / 1000);
          const wait = uploaded.waitFor(now, bytes, UPLOAD.most);
          if (wait > 0) throw throttled('MailboxUpload', wait);
          uploaded.add(now, bytes);
          if (latency > 0) await sleep(latency);
        },
        end() {
          if (admitted) counted.inFlight--;
        },
      };
    },
  };
}

function throttled(limit: string, seconds: number): GraphError {
  return new GraphError('ApplicationThrottled', `Application is over its ${limit} limit.`, {
    'retry-after': String(seconds),
  });
}

interface SlidingSum {
  add(second: number, amount: number): void;
  /** Seconds until `amount` more would fit under `most`; 0 when it does now. */
  waitFor(second: number, amount: number, most: number): number;
}

function slidingSum(window: number): SlidingSum {
  const bySecond = new Map<number, number>();
  let sum = 0;
  function forget(second: number): void {
    for (const [old, amount] of bySecond) {
      if (old > second - window) return;
      bySecond.delete(old);
      sum -= amount;
    }
  }
  return {
    add(second, amount) {
      bySecond.set(second, (bySecond.get(second) ?? 0) + amount);
      sum += amount;
    },
    waitFor(second, amount, most) {
      forget(second);
      let excess = sum + amount - most;
      if (excess <= 0) return 0;
      for (const [old, freed] of bySecond) {
        excess -= freed;
        if (excess <= 0) return old + window - second;
      }
      return window;
    },
  };
}
