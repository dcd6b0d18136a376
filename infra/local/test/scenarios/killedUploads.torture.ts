// `npm run torture:uploads`: workers killed at every step of a large mail. Takes about four minutes.
import { test } from 'node:test';
import { killedUploadsArriveOnce } from './killedUploads.ts';

test('five uploads, each killed at another step, arrive once and leave no draft behind', async (t) => {
  t.diagnostic(await killedUploadsArriveOnce({ withinMs: 200_000 }));
});
