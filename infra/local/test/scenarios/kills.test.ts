import { after, before, test } from 'node:test';
import { type RunningRelay, startRelay } from '../harness/startRelay.ts';
import { burstSurvives, burstSurvivesRestart } from './kills.ts';

// Small enough for every day; `npm run torture` sends a thousand.
const MAILS = 60;

let relay: RunningRelay;
let earlier: readonly string[];
before(async () => {
  relay = await startRelay();
});
after(() => relay[Symbol.asyncDispose]());

test('a worker and the edge killed in the middle of a burst lose nothing', async (t) => {
  const first = { relay, name: 'first', mails: MAILS };
  const { promised, figures } = await burstSurvives(first, ({ edge, workers }) => [edge, workers[0]]);
  earlier = promised;
  t.diagnostic(figures);
});

test('everything killed in the middle of a burst, and started again, loses nothing', async (t) => {
  const { figures } = await burstSurvivesRestart({ relay, name: 'second', mails: MAILS, earlier });
  t.diagnostic(figures);
});
