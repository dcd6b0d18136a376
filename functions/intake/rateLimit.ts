/**
 * How many messages a caller may submit: a token bucket per caller, as deep as one minute's worth.
 *
 * Each process counts by itself, so over all instances at most MAX_INSTANCES times as many get through. The limit is
 * there to stop a sender that has run wild before it fills the queue, not to keep accounts; counting exactly would cost
 * every mail a storage call.
 */
import type { Caller } from '../wiring/callers.ts';
import { Refusal } from './problems.ts';

export interface RateLimits {
  /** Counts one message, or refuses it with 429 and the seconds to wait. */
  take(caller: Caller): void;
  /** The same for a heartbeat: each edge of a caller has a bucket of its own, whatever the caller's rate. */
  takeHeartbeat(caller: Caller, edge: string): void;
}

/** An edge reports every 5 minutes, and when it starts. */
const HEARTBEATS_PER_MINUTE = 10;
/** Buckets that are kept: names of edges come from outside. */
const MOST_BUCKETS = 10_000;

/** @param now milliseconds of a clock that does not jump */
export function createRateLimits(now: () => number = () => performance.now()): RateLimits {
  const buckets = new Map<string, { tokens: number; at: number }>();
  const take = (name: string, rate: number, limit: string) => {
    const at = now();
    const bucket = buckets.get(name) ?? { tokens: rate, at };
    const tokens = Math.min(rate, bucket.tokens + ((at - bucket.at) * rate) / 60_000);
    if (buckets.size >= MOST_BUCKETS) buckets.clear();
    buckets.set(name, { tokens: tokens < 1 ? tokens : tokens - 1, at });
    if (tokens >= 1) return;
    const retryAfterSeconds = Math.max(1, Math.ceil(((1 - tokens) * 60) / rate));
    throw new Refusal('rate-limited', `${limit} Try again in ${retryAfterSeconds} s.`, { retryAfterSeconds });
  };
  return {
    take({ name, messagesPerMinute: rate }) {
      if (rate !== undefined) take(name, rate, `Caller ${name} may submit ${rate} messages a minute.`);
    },
    takeHeartbeat({ name }, edge) {
      take(`${name}/${edge}`, HEARTBEATS_PER_MINUTE, `An edge may report ${HEARTBEATS_PER_MINUTE} times a minute.`);
    },
  };
}
