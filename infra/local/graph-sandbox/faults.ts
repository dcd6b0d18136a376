// Faults set by a test: which calls to /v1.0 go wrong, how, and how often.

/** One entry of `PUT /sandbox/faults`, checked. */
export interface Fault {
  /** Upper case; undefined matches every method. */
  readonly method: string | undefined;
  /** Searched in the percent-decoded path of the URL; undefined matches every path. */
  readonly path: RegExp | undefined;
  readonly status: number | undefined;
  /** With it the answer has Graph's error body; without, no body. */
  readonly code: string | undefined;
  /** Goes out as the `Retry-After` header as it is. */
  readonly retryAfter: string | undefined;
  /** How many calls it meets. */
  readonly times: number;
  /** The call takes effect first. */
  readonly after: boolean;
  /** Milliseconds before anything is answered. Without a status the connection is closed then. */
  readonly hangMs: number | undefined;
  readonly dropConnection: boolean;
}

export interface Faults {
  /** Puts `faults` in the place of all that were left. An empty list also ends every hang at once. */
  replace(faults: readonly Fault[]): void;
  /** The first fault that matches, used up by one; undefined when the call shall go well. */
  take(method: string, path: string): Fault | undefined;
  /** Resolves after `ms`, when the caller hangs up, or when the list is cleared: a cleared hang ends as if its time were over. */
  hang(ms: number, hungUp: AbortSignal): Promise<void>;
}

/** An empty list of faults. */
export function createFaults(): Faults {
  let left: { fault: Fault; times: number }[] = [];
  const hanging = new Set<() => void>();
  return {
    replace(faults) {
      left = faults.map((fault) => ({ fault, times: fault.times }));
      if (faults.length === 0) for (const release of [...hanging]) release();
    },
    take(method, path) {
      const found = left.find(
        ({ fault }) => (!fault.method || fault.method === method) && (!fault.path || fault.path.test(path)),
      );
      if (!found) return undefined;
      found.times--;
      if (found.times === 0) left = left.filter((entry) => entry !== found);
      return found.fault;
    },
    hang(ms, hungUp) {
      return new Promise((resolve) => {
        const release = () => {
          clearTimeout(timer);
          hanging.delete(release);
          hungUp.removeEventListener('abort', release);
          resolve();
        };
        const timer = setTimeout(release, ms);
        hanging.add(release);
        hungUp.addEventListener('abort', release);
        if (hungUp.aborted) release();
      });
    },
  };
}
