// A worker that is killed at every moment of the delivery of large mail that goes up in ranges.
import { killInEvery } from './killedRun.ts';
import { UPLOAD_SCENARIOS } from './scenarios.ts';

killInEvery(UPLOAD_SCENARIOS);
