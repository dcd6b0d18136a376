// Wrong passwords: after some of them an address has to wait, every time longer.

const FIRST_BAN_MS = 60_000;
const LONGEST_BAN_MS = 60 * 60_000;
/** After so long without a wrong password everything is forgotten, in milliseconds. */
const FORGIVEN_MS = 24 * 60 * 60_000;

interface History {
  failures: number;
  bans: number;
  until: number;
  last: number;
}

/** @param allowed wrong passwords before a ban; 0 never bans */
export function createAuthBans(allowed: number, now: () => number = () => performance.now()) {
  const histories = new Map<string, History>();
  return {
    isBanned: (address: string): boolean => (histories.get(address)?.until ?? 0) > now(),
    /** Counts a wrong password. True when it brought a ban. */
    failed(address: string): boolean {
      if (allowed === 0) return false;
      const at = now();
      if (histories.size > 10_000)
        for (const [old, { last }] of histories) if (at - last > FIRST_BAN_MS) histories.delete(old);
      let history = histories.get(address);
      if (!history || at - history.last > FORGIVEN_MS) history = { failures: 0, bans: 0, until: 0, last: at };
      histories.set(address, history);
      history.last = at;
      if (++history.failures < allowed) return false;
      history.failures = 0;
      history.until = at + Math.min(LONGEST_BAN_MS, FIRST_BAN_MS * 2 ** history.bans++);
      return true;
    },
    succeeded(address: string): void {
      histories.delete(address);
    },
  };
}
