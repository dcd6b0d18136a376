// A message streams through the function worker: what is held of it does not depend on its size, nor on the line's speed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RunningRelay, startRelay } from './runningRelay.ts';
import { growthOfWorker } from './streamedUpload.ts';

let relay: RunningRelay;
before(async () => {
  relay = await startRelay({ LARGE_MAIL: 'on', MAX_MESSAGE_BYTES: '110000000' });
});
after(() => relay?.stop());

// A worker grows by 12 to 18 MB, on a busy machine by twice that: its collector comes later.
// `npm run torture:uploads` has one of 100 MB at 1 MB/s.
test('80 MB at 5 MB/s take less than 60 MB of memory', async (t) => {
  const grown = await growthOfWorker(relay, 80_000_000, 5_000_000);
  t.diagnostic(`The worker grew by ${grown.toFixed(1)} MB.`);
  assert.ok(grown < 60, `The worker grew by ${grown} MB.`);
});

test('100 MB at full speed take less than 60 MB of memory', async (t) => {
  const grown = await growthOfWorker(relay, 100_000_000);
  t.diagnostic(`The worker grew by ${grown.toFixed(1)} MB.`);
  assert.ok(grown < 60, `The worker grew by ${grown} MB.`);
});
