// Counts the calls to /v1.0 since the process started; nothing of it is stored.

/** What `GET /sandbox/stats` says about calls. A call whose connection was dropped has no status. */
export interface CallCounts {
  readonly requests: number;
  readonly byStatus: Readonly<Record<string, number>>;
  /** The most calls that were under way at the same time, by the mailbox in the URL (lower case). */
  readonly maxInFlightByMailbox: Readonly<Record<string, number>>;
}

export interface CallCounter {
  /** Counts a call that has arrived, until the returned function is called once it is over. */
  begin(mailbox: string): () => void;
  answered(status: number): void;
  counts(): CallCounts;
}

/** A counter that starts at zero. */
export function createCallCounter(): CallCounter {
  let requests = 0;
  const byStatus: Record<string, number> = {};
  const inFlight = new Map<string, number>();
  const most = new Map<string, number>();
  return {
    begin(mailbox) {
      requests++;
      if (mailbox === '') return () => {};
      const now = (inFlight.get(mailbox) ?? 0) + 1;
      inFlight.set(mailbox, now);
      if (now > (most.get(mailbox) ?? 0)) most.set(mailbox, now);
      return () => {
        const rest = (inFlight.get(mailbox) ?? 1) - 1;
        if (rest === 0) inFlight.delete(mailbox);
        else inFlight.set(mailbox, rest);
      };
    },
    answered(status) {
      byStatus[status] = (byStatus[status] ?? 0) + 1;
    },
    counts: () => ({ requests, byStatus: { ...byStatus }, maxInFlightByMailbox: Object.fromEntries(most) }),
  };
}
