const SECOND = 1000;
const MINUTE = 60 * SECOND;
const STEPS = [2 * SECOND, 8 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE];
const HOURLY = 60 * MINUTE;

/**
 * How long to wait after the `attempt`-th failed attempt (1 = the first), in milliseconds:
 * 2, 8, 30 s, 2, 10 min, then hourly, each ±20 % so that many mails which failed together do not come back together.
 *
 * @param random a number in [0, 1); `Math.random` unless a test wants to know.
 */
export function retryDelayMs(attempt: number, random: () => number = Math.random): number {
  const step = STEPS[Math.max(1, Math.floor(attempt)) - 1] ?? HOURLY;
  return Math.round(step * (0.8 + 0.4 * random()));
}

/**
 * The `Retry-After` of an HTTP answer in milliseconds from `now` (RFC 9110 section 10.2.3: seconds or a date).
 * Undefined when absent or not understood; never negative.
 */
export function parseRetryAfterMs(value: string | null | undefined, now: number): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (/^\d{1,9}(\.\d{1,3})?$/.test(text)) return Math.ceil(Number(text) * SECOND);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
