// A worker that is killed at every moment of the delivery of small mail.
import { killInEvery } from './killedRun.ts';
import { SMALL_SCENARIOS } from './scenarios.ts';

killInEvery(SMALL_SCENARIOS);
