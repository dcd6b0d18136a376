// Wrong passwords: after some of them an address has to wait, every time longer.

const FIRST_BAN_MS = 60_000;
const LONGEST_BAN_MS = 60 * 60_000;
/** After so long without a wrong password everything is forgotten, in milliseconds. */
const FORGIVEN_MS = 24 * 60 * 60_000;

/** A user name is remembered up to so many characters. */
const NAME_LENGTH = 64;

interface History {
  /** Wrong passwords since the last ban, by the user they were tried for. */
  readonly failures: Map<string, number>;
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
    failed(address: string, user: string): boolean {
      if (allowed === 0) return false;
      const at = now();
      if (histories.size > 10_000)
        for (const [old, { last }] of histories) if (at - last > FIRST_BAN_MS) histories.delete(old);
      let history = histories.get(address);
      if (!history || at - history.last > FORGIVEN_MS) history = { failures: new Map(), bans: 0, until: 0, last: at };
      histories.set(address, history);
      history.last = at;
      const name = user.slice(0, NAME_LENGTH);
      history.failures.set(name, (history.failures.get(name) ?? 0) + 1);
      let failures = 0;
      for (const count of history.failures.values()) failures += count;
      if (failures < allowed) return false;
      history.failures.clear();
      history.until = at + Math.min(LONGEST_BAN_MS, FIRST_BAN_MS * 2 ** history.bans++);
      return true;
    },
    /** A right password forgives the wrong ones of this user: who guesses others' has one of their own, too. */
    succeeded(address: string, user: string): void {
      histories.get(address)?.failures.delete(user.slice(0, NAME_LENGTH));
    },
  };
}
