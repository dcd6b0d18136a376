// What a relay says while its mail storage is really gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessageId, newMessageId } from '../../contract/messageId.ts';
import { MAIL_CONTAINER } from '../../storage/messageStore.ts';
import { aMessage, assertProblem, caller, send } from './requests.ts';
import { startRelay } from './runningRelay.ts';

test('a relay whose mail container is gone is down: 503 for everybody, the reason for callers; mail is to be kept', async (t) => {
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

  const id = newMessageId();
  const put = await caller(relay).put(id, aMessage());
  assert.equal(assertProblem(put, 503, 'unavailable').id, id);
  assert.match(put.json.detail, /may or may not be stored.*same id/);
  const post = await caller(relay).post(aMessage());
  assert.ok(isMessageId(assertProblem(post, 503, 'unavailable').id), 'the id that was minted, to try again with');
});
