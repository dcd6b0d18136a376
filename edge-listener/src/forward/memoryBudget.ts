/** Counts memory that several uploads may hold together. */
export function createMemoryBudget(bytes: number) {
  let left = bytes;
  let waiting: { wanted: number; resolve: () => void }[] = [];

  return {
    /** Takes so much; false when that is not there. */
    take(wanted: number): boolean {
      if (wanted > left) return false;
      left -= wanted;
      return true;
    },
    /** Takes so much as soon as it is there. Never more than the whole budget may be asked for. */
    async wait(wanted: number): Promise<void> {
      if (this.take(wanted)) return;
      await new Promise<void>((resolve) => waiting.push({ wanted, resolve }));
    },
    giveBack(taken: number): void {
      left += taken;
      waiting = waiting.filter(({ wanted, resolve }) => {
        if (wanted > left) return true;
        left -= wanted;
        resolve();
        return false;
      });
    },
  };
}
