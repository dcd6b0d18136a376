// `npm run torture`: the bursts and kills of the tests with a thousand mails each. Takes about ten minutes.
import { test } from 'node:test';
import { startRelay } from '../harness/startRelay.ts';
import { burstArrivesOnce } from './burst.ts';
import { burstSurvives, burstSurvivesDyingWorkers, burstSurvivesRestart } from './kills.ts';

const MAILS = 1000;

test('a thousand mails arrive once, through one worker', async (t) => {
  t.diagnostic(await burstArrivesOnce(MAILS, 1, 240_000));
});

test('a thousand mails arrive once, through three workers', async (t) => {
  t.diagnostic(await burstArrivesOnce(MAILS, 3, 240_000));
});

test('a worker killed in the middle of a thousand loses nothing', async (t) => {
  await using relay = await startRelay();
  const { figures } = await burstSurvives({ relay, name: 'worker', mails: MAILS }, ({ workers }) => workers);
  t.diagnostic(figures);
});

test('a worker killed five times in the middle of a thousand loses nothing', async (t) => {
  await using relay = await startRelay();
  const { figures } = await burstSurvivesDyingWorkers({ relay, name: 'workers', mails: MAILS });
  t.diagnostic(figures);
});

test('the edge killed in the middle of a thousand loses nothing', async (t) => {
  await using relay = await startRelay();
  const { figures } = await burstSurvives({ relay, name: 'edge', mails: MAILS }, ({ edge }) => [edge]);
  t.diagnostic(figures);
});

test('everything killed in the middle of a thousand, and started again, loses nothing', async (t) => {
  await using relay = await startRelay();
  const { figures } = await burstSurvivesRestart({ relay, name: 'all', mails: MAILS });
  t.diagnostic(figures);
});
