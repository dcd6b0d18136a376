// GET /api/health while the mail storage is really gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAIL_CONTAINER } from '../../storage/messageStore.ts';
import { caller, send } from './requests.ts';
import { startRelay } from './runningRelay.ts';

test('a relay whose mail container is gone is down: 503 for everybody, the reason for callers', async (t) => {
  const relay = await startRelay();
  t.after(() => relay.stop());
  await relay.blobs.getContainerClient(MAIL_CONTAINER).delete();
  const stranger = await send('GET', `${relay.url}/api/health`, {});
  assert.deepEqual([stranger.status, stranger.json], [503, { status: 'down' }]);
  assert.equal(stranger.headers.get('cache-control'), 'no-store');
  const { status, json } = await caller(relay).request('GET', '/api/health');
  assert.equal(status, 503);
  assert.equal(json.complete, false);
  assert.match(json.problems.join(), /mail storage cannot be reached/);
});
