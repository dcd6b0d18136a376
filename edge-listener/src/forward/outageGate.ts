// Notices that the function app as a whole does not take mail, so that a full spool does not hammer it.

/** First and longest wait between two probes while the gate is closed, in milliseconds. */
const FIRST_PROBE_MS = 1000;
const LONGEST_PROBE_MS = 15_000;
/** A `Retry-After` longer than this does not hold up everybody, in milliseconds. */
const LONGEST_HONOURED_MS = 10 * 60_000;

export interface OutageGate {
  /** How many messages may be under way now. */
  allowed(now: number): number;
  /** When `allowed` may grow by itself; undefined when the gate is open. */
  readonly opensAt: number | undefined;
  /** The function app gave its word on a message. True when that ended an outage. */
  succeeded(): boolean;
  /** A message has to be retried. True when that began an outage. */
  failed(now: number, afterMs?: number): boolean;
}

/**
 * Open, it allows `parallel` messages at once. After as many failures in a row, of whatever messages, it closes and
 * lets one through at a time, after 1, 2, 4, 8 and then every 15 seconds. The first success opens it. A single bad
 * message cannot close it while others get through.
 */
export function createOutageGate(parallel: number): OutageGate {
  let failures = 0;
  let opensAt: number | undefined;
  let probes = 0;
  return {
    allowed: (now) => (opensAt === undefined ? parallel : now >= opensAt ? 1 : 0),
    get opensAt() {
      return opensAt;
    },
    succeeded() {
      const wasClosed = opensAt !== undefined;
      failures = 0;
      probes = 0;
      opensAt = undefined;
      return wasClosed;
    },
    failed(now, afterMs = 0) {
      failures++;
      if (failures < Math.max(3, parallel)) return false;
      const began = opensAt === undefined;
      const wait = Math.min(LONGEST_PROBE_MS, FIRST_PROBE_MS * 2 ** probes++);
      opensAt = now + Math.max(wait, Math.min(afterMs, LONGEST_HONOURED_MS));
      return began;
    },
  };
}
