// `npm run torture`: the bursts and kills of the tests with a thousand mails each. Takes about ten minutes.
import { test } from 'node:test';
import { burstArrivesOnce } from './burst.ts';
import { burstSurvives, burstSurvivesRestart } from './kills.ts';

const MAILS = 1000;

test('a thousand mails arrive once, with one worker', async (t) => {
  t.diagnostic(await burstArrivesOnce(MAILS, 1, 240_000));
});

test('a thousand mails arrive once, with three workers', async (t) => {
  t.diagnostic(await burstArrivesOnce(MAILS, 3, 240_000));
});

test('a worker killed in the middle of a thousand loses nothing', async (t) => {
  t.diagnostic(await burstSurvives(MAILS, ({ workers }) => workers));
});

test('the edge killed in the middle of a thousand loses nothing', async (t) => {
  t.diagnostic(await burstSurvives(MAILS, ({ edge }) => [edge]));
});

test('everything killed in the middle of a thousand, and started again, loses nothing', async (t) => {
  t.diagnostic(await burstSurvivesRestart(MAILS));
});
