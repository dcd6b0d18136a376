import { test } from 'node:test';
import { burstSurvives, burstSurvivesRestart } from './kills.ts';

// Small enough for every day; `npm run torture` sends a thousand.
const MAILS = 60;

test('a worker and the edge killed in the middle of a burst lose nothing', async (t) => {
  t.diagnostic(await burstSurvives(MAILS, ({ edge, workers }) => [edge, workers[0]]));
});

test('everything killed in the middle of a burst, and started again, loses nothing', async (t) => {
  t.diagnostic(await burstSurvivesRestart(MAILS));
});
