import { test } from 'node:test';
import { burstArrivesOnce } from './burst.ts';

// Small enough for every day; `npm run torture` sends a thousand, through one worker and through three.
test('a burst over ten connections arrives once, through three workers', async (t) => {
  t.diagnostic(await burstArrivesOnce(50, 3, 60_000));
});
