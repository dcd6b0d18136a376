/** Counts connections, in all and per address, over all listeners. A limit of 0 per address means none. */
export function createConnectionCount(limits: {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}) {
  const sessions = new Map<string, string>();
  const perAddress = new Map<string, number>();
  return {
    /** Counts the session in; false when that would be one too many. */
    enter(session: string, address: string): boolean {
      const here = perAddress.get(address) ?? 0;
      if (sessions.size >= limits.connections) return false;
      if (limits.connectionsPerAddress > 0 && here >= limits.connectionsPerAddress) return false;
      sessions.set(session, address);
      perAddress.set(address, here + 1);
      return true;
    },
    /** Counts the session out, if it was in. */
    leave(session: string): void {
      const address = sessions.get(session);
      if (address === undefined) return;
      sessions.delete(session);
      const left = perAddress.get(address)! - 1;
      if (left > 0) perAddress.set(address, left);
      else perAddress.delete(address);
    },
    get size() {
      return sessions.size;
    },
  };
}
