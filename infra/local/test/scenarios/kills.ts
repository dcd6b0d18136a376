import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { ProcessIds } from '../../pidFile.ts';
import { awaitArrivals } from '../harness/arrivals.ts';
import { eventually } from '../harness/eventually.ts';
import { eventuallyGone } from '../harness/processes.ts';
import { sendBurst } from '../harness/smtpBurst.ts';
import { startRelay } from '../harness/startRelay.ts';
import { temporaryDirectory } from '../harness/temporaryDirectory.ts';

const CONNECTIONS = 10;
/** Every mail that got a 250 arrives within this time of the last 250. */
const WITHIN_MS = 150_000;
/** Sends to Graph that may be under way when a worker dies: Graph's own limit for one mailbox. */
const SENDS_AT_ONCE = 4;

/**
 * Kills processes with SIGKILL in the middle of a burst; what was promised must arrive all the same. What comes twice
 * was under way: a send between Graph's 202 and our `sent`, or a mail between the edge's disk and its 250, which the
 * client then sent again. Returns figures for a person.
 */
export async function burstSurvives(
  mails: number,
  killed: (pids: ProcessIds) => readonly (number | null | undefined)[],
): Promise<string> {
  await using relay = await startRelay();
  const victims: number[] = [];
  const promised = await sendBurst({
    port: relay.smtpPort,
    mails,
    connections: CONNECTIONS,
    name: 'kill',
    onPromise(count) {
      if (count !== Math.floor(mails / 3)) return;
      for (const pid of killed(relay.pids())) if (pid) victims.push(pid);
      for (const pid of victims) process.kill(pid, 'SIGKILL');
    },
  });
  assert.ok(victims.length > 0, 'nothing was killed');
  return describe(mails, await awaitArrivals(relay.inboxUrl, promised, WITHIN_MS));
}

/** Kills everything but Azurite, which ends by itself, and starts again on the same data. */
export async function burstSurvivesRestart(mails: number): Promise<string> {
  const { path, remove } = await temporaryDirectory();
  const data = join(path, 'data');
  await using first = await startRelay({ data });
  let halfway = false;
  const sending = sendBurst({
    port: first.smtpPort,
    mails,
    connections: CONNECTIONS,
    name: 'restart',
    onPromise(count) {
      halfway ||= count >= mails / 2;
    },
  });
  await eventually('half of the burst', () => halfway, 60_000);
  const { azurite, sandbox, workers, edge } = first.pids();
  for (const pid of [first.supervisor.pid!, sandbox!, edge!, ...workers]) process.kill(pid, 'SIGKILL');
  await eventuallyGone([azurite!], 5000);
  await using second = await startRelay({ data, flags: ['--smtp-port', String(first.smtpPort)] });
  const arrivals = await awaitArrivals(second.inboxUrl, await sending, WITHIN_MS);
  await second.stop();
  await remove();
  return describe(mails, arrivals);
}

function describe(mails: number, { distinct, doubled, ms }: Awaited<ReturnType<typeof awaitArrivals>>): string {
  assert.equal(distinct, mails);
  assert.ok(doubled <= SENDS_AT_ONCE + CONNECTIONS, `${doubled} came twice; more than were under way`);
  return `${mails} mails: none lost, ${doubled} came twice, all arrived ${ms} ms after the last 250`;
}
