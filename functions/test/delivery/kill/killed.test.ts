// A process that is killed at any moment of a delivery loses no mail and sends none twice. All policies and more mails,
// large ones too: killed*.thorough.ts.
import { test } from 'node:test';
import { killEverywhere } from './killedRun.ts';
import { SMALL_202 } from './scenarios.ts';

test(`hold: ${SMALL_202.name}, killed at every moment, is not lost and not sent twice`, (t) =>
  killEverywhere(t, 'hold', SMALL_202));
