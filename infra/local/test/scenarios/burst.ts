import assert from 'node:assert/strict';
import { type Arrivals, awaitArrivals } from '../harness/arrivals.ts';
import { sandboxStats } from '../harness/sandboxClient.ts';
import { sendBurst } from '../harness/smtpBurst.ts';
import { startRelay } from '../harness/startRelay.ts';

const CONNECTIONS = 10;

/** Sends many small mails of one sender at once; each must arrive, and none twice. Returns figures for a person. */
export async function burstArrivesOnce(mails: number, workers: number, withinMs: number): Promise<string> {
  await using relay = await startRelay({ flags: ['--workers', String(workers)] });
  const began = Date.now();
  const promised = await sendBurst({ port: relay.smtpPort, mails, connections: CONNECTIONS, name: 'burst' });
  const promisedMs = Date.now() - began;
  const { distinct, doubled, ms }: Arrivals = await awaitArrivals(relay.inboxUrl, promised, withinMs);
  assert.equal(distinct, mails);
  assert.equal(doubled, 0);
  assert.equal((await sandboxStats(relay.inboxUrl)).duplicateMessageIds, 0);
  return `${mails} mails, ${workers} worker(s): 250 for all after ${promisedMs} ms, all arrived ${ms} ms later`;
}
