/**
 * Counts messages per key and minute, evenly: `limit` at once, then one every 60/limit seconds.
 * A limit of 0 means none.
 */
export function createRateLimit(now: () => number = () => performance.now()) {
  /** When the key's credit was full last; the credit used since then lies behind that time. */
  const full = new Map<string, number>();
  return {
    /** Counts a message; false when it is one too many. */
    take(key: string, limit: number): boolean {
      if (limit <= 0) return true;
      const at = now();
      const step = 60_000 / limit;
      const next = Math.max(full.get(key) ?? 0, at) + step;
      if (next - at > 60_000 + step / 2) return false;
      full.set(key, next);
      if (full.size > 10_000) for (const [old, time] of full) if (time < at) full.delete(old);
      return true;
    },
  };
}
