// A worker that is killed at every moment of the delivery of large mail whose attachments are posted.
import { killInEvery } from './killedRun.ts';
import { DRAFT_SCENARIOS } from './scenarios.ts';

killInEvery(DRAFT_SCENARIOS);
