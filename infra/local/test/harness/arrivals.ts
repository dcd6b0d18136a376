import { setTimeout as sleep } from 'node:timers/promises';
import { sandboxMessages, sandboxStats } from './sandboxClient.ts';

/** What came of mails that were promised. */
export interface Arrivals {
  readonly distinct: number;
  /** Mails that came more than once, counted by what is too many. */
  readonly doubled: number;
  /** Milliseconds from the call to the last arrival. */
  readonly ms: number;
}

/** Waits until every promised Message-ID is in the sandbox; nothing else may be there. */
export async function awaitArrivals(
  inboxUrl: string,
  promised: readonly string[],
  withinMs: number,
): Promise<Arrivals> {
  const began = Date.now();
  const wanted = new Set(promised);
  for (;;) {
    // The list of a thousand messages is long: it is read only once it can be complete.
    const { accepted } = await sandboxStats(inboxUrl);
    const late = Date.now() - began > withinMs;
    if (accepted >= wanted.size || late) {
      const messages = await sandboxMessages(inboxUrl);
      const arrived = new Set(messages.map(({ messageId }) => messageId));
      const unknown = [...arrived].filter((id) => !wanted.has(id));
      if (unknown.length > 0) throw new Error(`Nobody sent ${unknown.slice(0, 3)}.`);
      if (arrived.size === wanted.size)
        return { distinct: arrived.size, doubled: messages.length - arrived.size, ms: Date.now() - began };
      if (late) throw new Error(`After ${withinMs} ms ${wanted.size - arrived.size} of ${wanted.size} mails are lost.`);
    }
    await sleep(250);
  }
}
