// `npm run torture:uploads`: workers killed at every step of a large mail, and one that comes over a slow line. Takes about
// six minutes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRelay } from '../../../../functions/test/http/runningRelay.ts';
import { growthOfWorker } from '../../../../functions/test/http/streamedUpload.ts';
import { killedUploadsArriveOnce } from './killedUploads.ts';

test('five uploads, each killed at another step, arrive once and leave no draft behind', async (t) => {
  t.diagnostic(await killedUploadsArriveOnce({ withinMs: 200_000 }));
});

test('an upload of 100 MB at 1 MB/s takes less than 30 MB of memory', async (t) => {
  const relay = await startRelay({ LARGE_MAIL: 'on', MAX_MESSAGE_BYTES: '110000000' });
  t.after(() => relay.stop());
  const grown = await growthOfWorker(relay, 100_000_000, 1_000_000);
  t.diagnostic(`The worker grew by ${grown.toFixed(1)} MB.`);
  assert.ok(grown < 30, `The worker grew by ${grown} MB.`);
});
