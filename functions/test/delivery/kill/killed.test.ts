// A process that is killed at any moment of a delivery loses no mail and sends none twice. All policies and more mails:
// killed.thorough.ts.
import { test } from 'node:test';
import { killEverywhere } from './killedRun.ts';
import { POSTED_LARGE, SMALL_202 } from './scenarios.ts';

for (const scenario of [SMALL_202, POSTED_LARGE])
  test(`hold: ${scenario.name}, killed at every moment, is not lost and not sent twice`, (t) =>
    killEverywhere(t, 'hold', scenario));
