/** Counts connections, in all and per address, over all listeners. A limit of 0 per address means none. */
export function createConnectionCount(limits: {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}) {
  const perAddress = new Map<string, number>();
  let size = 0;
  return {
    /** Counts a connection in and returns how to count it out, once; undefined when it would be one too many. */
    enter(address: string): (() => void) | undefined {
      const here = perAddress.get(address) ?? 0;
      if (size >= limits.connections) return undefined;
      if (limits.connectionsPerAddress > 0 && here >= limits.connectionsPerAddress) return undefined;
      size++;
      perAddress.set(address, here + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        size--;
        const remaining = perAddress.get(address)! - 1;
        if (remaining > 0) perAddress.set(address, remaining);
        else perAddress.delete(address);
      };
    },
    get size() {
      return size;
    },
  };
}
