import { test } from 'node:test';
import { burstArrivesOnce } from './burst.ts';

// Small enough for every day; `npm run torture` sends a thousand.
const MAILS = 100;

for (const workers of [1, 3])
  test(`a burst over ten connections arrives once, with ${workers} worker(s)`, async (t) => {
    t.diagnostic(await burstArrivesOnce(MAILS, workers, 60_000));
  });
