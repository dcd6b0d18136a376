import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { awaitArrivals } from '../harness/arrivals.ts';
import { eventually } from '../harness/eventually.ts';
import { sandboxMessages, sandboxStats } from '../harness/sandboxClient.ts';
import { sendBurst } from '../harness/smtpBurst.ts';
import { startRelay } from '../harness/startRelay.ts';

const BUSY = 'busy@contoso.com';
/** Calls that Graph may refuse: each is one too many, and a few are how a window finds its size. */
const MOST_REFUSED = 0.05;

export interface ThrottlingOptions {
  /** Mails of one mailbox, sent at once over ten connections. */
  readonly busy: number;
  /** Mails of other mailboxes meanwhile, one after the other; no more are sent once the busy one's have arrived. */
  readonly others: number;
  /** How many other mailboxes take turns. */
  readonly mailboxes: number;
  /** Between two mails of the others. */
  readonly everyMs: number;
  readonly workers: number;
  /** All must have arrived so long after the last 250. */
  readonly withinMs: number;
  /** From the 250 to Graph, for each mail of the others. */
  readonly othersWithinMs: number;
}

/**
 * While Graph's real limits hold and one mailbox has far more mail than they let through at once, mail of other mailboxes
 * goes out as if nothing were, Graph has to refuse next to nothing, and every mail arrives once. Returns figures for a person.
 */
export async function busyMailboxHoldsUpNobody(options: ThrottlingOptions): Promise<string> {
  const { busy, others, mailboxes, everyMs, workers, withinMs, othersWithinMs } = options;
  await using relay = await startRelay({ flags: ['--workers', String(workers), '--graph-limits'] });
  const { smtpPort: port, inboxUrl } = relay;
  const began = Date.now();
  let drained = false;
  const burst = sendBurst({ port, mails: busy, connections: 10, name: 'busy', from: BUSY });
  const draining = burst.then(async () => {
    const allOut = async () => (await sandboxStats(inboxUrl)).accepted >= busy;
    await eventually('the busy mailbox is drained', allOut, withinMs).finally(() => {
      drained = true;
    });
  });
  draining.catch(() => {}); // Awaited below; until then it only ends the loop.

  const promisedAt = new Map<string, number>();
  const onPromise = (_: number, messageId: string) => promisedAt.set(messageId, Date.now());
  const mailOf = (i: number) => ({ port, mails: 1, connections: 1, name: `other-${i}`, onPromise });
  for (let i = 0; i < others && !drained; i++) {
    await sendBurst({ ...mailOf(i), from: `device-${i % mailboxes}@contoso.com` });
    await sleep(Math.max(0, began + (i + 1) * everyMs - Date.now()));
  }
  await draining;
  const all = [...(await burst), ...promisedAt.keys()];
  const { distinct, doubled } = await awaitArrivals(inboxUrl, all, withinMs);
  const drainedMs = Date.now() - began;
  assert.deepEqual({ distinct, doubled }, { distinct: all.length, doubled: 0 });

  const { requests, byStatus } = await sandboxStats(inboxUrl);
  const refused = byStatus[429] ?? 0;
  const delays: number[] = [];
  for (const { messageId, acceptedAt } of await sandboxMessages(inboxUrl)) {
    const promised = promisedAt.get(messageId);
    if (promised !== undefined) delays.push(Date.parse(acceptedAt) - promised);
  }
  delays.sort((a, b) => a - b);
  const slowest = delays.at(-1) ?? Number.NaN;
  const figures =
    `${busy} mails of one mailbox in ${drainedMs} ms (${Math.round((busy * 1000) / drainedMs)} a second); meanwhile ` +
    `${delays.length} of ${mailboxes} others, median ${delays[delays.length >> 1]} ms, slowest ${slowest} ms from 250 to ` +
    `Graph; ${refused} of ${requests} calls refused with 429`;
  assert.ok(refused < MOST_REFUSED * requests, figures);
  assert.ok(slowest < othersWithinMs, figures);
  return figures;
}
