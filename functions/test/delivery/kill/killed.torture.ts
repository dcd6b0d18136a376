// A worker that is killed at every moment of the delivery of large mail that ends in other ways than most.
import { killInEvery } from './killedRun.ts';
import { FURTHER_SCENARIOS } from './scenarios.ts';

killInEvery(FURTHER_SCENARIOS);
