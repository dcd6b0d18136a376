const MINUTE_MS = 60_000;
/** At most so many keys are remembered. */
const MOST = 10_000;

/**
 * Lets one of many equal things through per key and minute: a port scan is worth a line, not a full disk. Returns how
 * many there were since the last one let through, this one included; 0 means to keep quiet.
 */
export function createOncePerMinute(now: () => number = () => performance.now()): (key: string) => number {
  const seen = new Map<string, { at: number; quiet: number }>();
  return (key) => {
    const last = seen.get(key);
    if (last && now() - last.at < MINUTE_MS) {
      last.quiet++;
      return 0;
    }
    seen.delete(key);
    seen.set(key, { at: now(), quiet: 0 });
    if (seen.size > MOST) seen.delete(seen.keys().next().value!);
    return (last?.quiet ?? 0) + 1;
  };
}
