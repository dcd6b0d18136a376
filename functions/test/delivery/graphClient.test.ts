// What a call to Graph promises beside its answer: it ends in time, and takes its token nowhere else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGraphClient } from '../../delivery/graphClient.ts';
import { sendMail } from '../../delivery/sendMail.ts';
import type { TokenSource } from '../../delivery/tokenSource.ts';
import { startFakeGraph } from './fakeGraph.ts';

async function send(
  answer: Parameters<typeof startFakeGraph>[0][number],
  token: Partial<TokenSource>,
  timeoutMs = 400,
) {
  const server = await startFakeGraph([answer]);
  const graph = createGraphClient({
    baseUrl: server.url,
    token: { get: async () => 'token', forget: () => {}, ...token },
    timeoutMs,
  });
  const began = Date.now();
  const { outcome } = await sendMail(graph, 'scan@contoso.com', Buffer.from('x'));
  await server.close();
  return { outcome, calls: server.calls, tookMs: Date.now() - began };
}

test('a token that does not come ends the call before its time, and nothing is sent', async () => {
  const { outcome, calls, tookMs } = await send({ status: 202 }, { get: () => new Promise(() => {}) });
  assert.ok(outcome.kind === 'retry' && outcome.class === 'operator');
  assert.match(outcome.reason, /^NoToken: .*identity endpoint took longer than 0\.2 s/);
  assert.equal(calls.length, 0);
  assert.ok(tookMs < 400, `${tookMs} ms`);
});

test('token and answer together take no longer than one call may', async () => {
  const slow = () => new Promise<string>((resolve) => setTimeout(resolve, 900, 'token'));
  const { outcome, tookMs } = await send({ hang: true }, { get: slow }, 2000);
  assert.ok(outcome.kind === 'retry' && outcome.class === 'ambiguous');
  assert.ok(tookMs < 2700, `${tookMs} ms`);
});

test('a 401 drops the token, another answer does not', async () => {
  for (const [status, drops] of [
    [401, 1],
    [403, 0],
    [503, 0],
    [202, 0],
  ] as const) {
    let dropped = 0;
    await send({ status }, { forget: () => void dropped++ });
    assert.equal(dropped, drops, String(status));
  }
});

test('a redirect is not followed, and is a refusal: nothing was sent', async () => {
  const other = await startFakeGraph([{ status: 202 }]);
  const { outcome } = await send({ status: 307, location: `${other.url}/elsewhere` }, {});
  await other.close();
  assert.ok(outcome.kind === 'retry' && outcome.class === 'refused');
  assert.match(outcome.reason, /^HTTP 307: /);
  assert.equal(other.calls.length, 0);
});
