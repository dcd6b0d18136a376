import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessIds } from '../../pidFile.ts';
import { awaitArrivals } from '../harness/arrivals.ts';
import { eventually } from '../harness/eventually.ts';
import { eventuallyGone } from '../harness/processes.ts';
import { sendBurst } from '../harness/smtpBurst.ts';
import { type RunningRelay, startRelay } from '../harness/startRelay.ts';

const CONNECTIONS = 10;
/** Every mail that got a 250 arrives within this time of the last 250. */
const WITHIN_MS = 150_000;
/** Sends to Graph that may be under way when a worker dies: Graph's own limit for one mailbox. */
const SENDS_AT_ONCE = 4;
/** Kills in one run, at most. */
const MAX_KILLS = 5;

/** A burst in the middle of which something dies. */
export interface KillOptions {
  readonly relay: RunningRelay;
  /** Distinguishes this burst from others on the same relay. */
  readonly name: string;
  readonly mails: number;
  /** Message-IDs of earlier bursts on the same data. */
  readonly earlier?: readonly string[];
}

/**
 * Kills processes with SIGKILL in the middle of a burst; what was promised must arrive all the same. What comes twice
 * was under way: a send between Graph's 202 and our `sent`, or a mail between the edge's disk and its 250, which the
 * client then sent again. Returns the Message-IDs, and figures for a person.
 */
export async function burstSurvives(
  { relay, name, mails, earlier = [] }: KillOptions,
  killed: (pids: ProcessIds) => readonly (number | null | undefined)[],
): Promise<{ promised: readonly string[]; figures: string }> {
  const victims: number[] = [];
  const promised = await sendBurst({
    port: relay.smtpPort,
    mails,
    connections: CONNECTIONS,
    name,
    onPromise(count) {
      if (count !== Math.floor(mails / 3)) return;
      for (const pid of killed(relay.pids())) if (pid) victims.push(pid);
      for (const pid of victims) process.kill(pid, 'SIGKILL');
    },
  });
  assert.ok(victims.length > 0, 'nothing was killed');
  return settle(relay, [...earlier, ...promised]);
}

/** Kills the worker again and again, each time just after it has begun to answer. */
export async function burstSurvivesDyingWorkers({ relay, name, mails }: KillOptions): Promise<{ figures: string }> {
  const sending = sendBurst({ port: relay.smtpPort, mails, connections: CONNECTIONS, name });
  for (let kill = 0; kill < 5; kill++) {
    // Answered as soon as a worker can, since connections wait for one.
    await fetch(`${relay.httpUrl}/api/health`);
    await sleep(150 + 300 * Math.random());
    process.kill(relay.pids().workers[0]!, 'SIGKILL');
    await eventually('the worker is known to be dead', () => relay.pids().workers.length === 0);
  }
  return await settle(relay, await sending);
}

/** Kills everything but Azurite, which ends by itself, and starts again on the same data. */
export async function burstSurvivesRestart(options: KillOptions): Promise<{ figures: string }> {
  const { relay, name, mails, earlier = [] } = options;
  let halfway = false;
  const sending = sendBurst({
    port: relay.smtpPort,
    mails,
    connections: CONNECTIONS,
    name,
    onPromise(count) {
      halfway ||= count >= mails / 2;
    },
  });
  await eventually('half of the burst', () => halfway, 60_000);
  const { azurite, sandbox, workers, edge } = relay.pids();
  for (const pid of [relay.supervisor.pid!, sandbox!, edge!, ...workers]) process.kill(pid, 'SIGKILL');
  await eventuallyGone([azurite!], 5000);
  await using again = await startRelay({ data: relay.data, flags: ['--smtp-port', String(relay.smtpPort)] });
  return await settle(again, [...earlier, ...(await sending)]);
}

async function settle(relay: RunningRelay, promised: readonly string[]) {
  const { distinct, doubled, ms } = await awaitArrivals(relay.inboxUrl, promised, WITHIN_MS);
  assert.equal(distinct, promised.length);
  assert.ok(doubled <= MAX_KILLS * (SENDS_AT_ONCE + CONNECTIONS), `${doubled} came twice; more than were under way`);
  const figures = `${distinct} mails: none lost, ${doubled} came twice, all arrived ${ms} ms after the last 250`;
  return { promised, figures };
}
