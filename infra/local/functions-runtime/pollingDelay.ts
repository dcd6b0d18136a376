/** Shortest pause between two looks at a queue, in milliseconds; the host's `QueuePollingIntervals.Minimum`. */
const MIN_DELAY_MS = 100;

/** Says how long to wait before the next look at a queue. */
export interface PollingDelay {
  /** Messages were found: begin with short pauses again. */
  reset(): void;
  /** The next pause in milliseconds. */
  next(): number;
}

/**
 * The host's RandomizedExponentialBackoffStrategy: short pauses after work, then longer and longer ones up to `maxMs`,
 * each randomised by 20 % so that several workers do not poll in step.
 */
export function createPollingDelay(maxMs: number, random: () => number = Math.random): PollingDelay {
  let steps = 0;
  return {
    reset() {
      steps = 0;
    },
    next() {
      const step = steps === 0 ? 0 : (0.8 + 0.4 * random()) * 2 ** (steps - 1) * MIN_DELAY_MS;
      if (MIN_DELAY_MS + step < maxMs) steps++;
      return Math.min(maxMs, MIN_DELAY_MS + step);
    },
  };
}
