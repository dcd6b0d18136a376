// Two hundred clients that mean harm, sessions of random nonsense beside them, and one client that has a page to send.
// STRESS_SECONDS says for how long; STRESS_SEED repeats the nonsense of an earlier run.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type FakeRelay, startFakeRelay } from '../test/support/fakeRelay.ts';
import { temporaryDirectory } from '../test/support/runEdge.ts';
import { sendMail } from '../test/support/smtpClient.ts';
import type { AttackPlan } from './attackers.ts';
import { type BundledEdge, startBundledEdge } from './bundledEdge.ts';

const directory = temporaryDirectory();
let relay: FakeRelay;
let edge: BundledEdge;
let attackers: Worker | undefined;

before(async () => {
  relay = await startFakeRelay();
  edge = await startBundledEdge(relay.url, directory.path);
});
after(async () => {
  await attackers?.terminate();
  await edge.stop();
  await relay.close();
  directory.remove();
});

/** How long to attack, in milliseconds. */
const DURATION_MS = Number(process.env.STRESS_SECONDS ?? 120) * 1000;
/** Enough time for a message that trickles to be found too slow. */
const RATE_COUNTS_MS = 75_000;
const MOST_MEMORY = 250_000_000;

test('under 200 hostile connections and nonsense a well-behaved client gets every 250 within five seconds', async (context) => {
  const seed = Number(process.env.STRESS_SEED ?? Date.now() % 2 ** 32);
  context.diagnostic(`STRESS_SEED=${seed}`);
  const workerData: AttackPlan = { port: edge.port, seed };
  attackers = new Worker(new URL('attackers.ts', import.meta.url), { workerData });
  const end = performance.now() + DURATION_MS;
  let slowest = 0;
  let sent = 0;
  let mostMemory = 0;
  while (performance.now() < end) {
    const started = performance.now();
    assert.equal((await sendMail(edge.port, { data: `Subject: ${sent}\r\n\r\nx\r\n` })).code, 250);
    slowest = Math.max(slowest, performance.now() - started);
    sent++;
    mostMemory = Math.max(mostMemory, await edge.memory());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  context.diagnostic(`${sent} messages, the slowest ${Math.round(slowest)} ms; ${Math.round(mostMemory / 1e6)} MB`);
  assert.ok(edge.isRunning(), 'the edge lives');
  assert.ok(slowest < 5000, `the slowest took ${slowest} ms`);
  assert.ok(sent > 5, `${sent} were sent`);
  assert.ok(mostMemory < MOST_MEMORY, `${mostMemory} bytes`);
  assert.equal(edge.counts.get('edge.error'), undefined);
  for (const name of ['edge.loginFailed', 'edge.clientGone', 'edge.rejected']) assert.ok(edge.counts.get(name), name);
  if (DURATION_MS > RATE_COUNTS_MS)
    assert.ok(
      [...edge.counts.keys()].some((name) => name.includes('slower than')),
      'what trickles is too slow',
    );
});
