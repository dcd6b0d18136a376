import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import { newMessageId } from '../../../functions/contract/messageId.ts';
import { MAX_PART_BYTES, MAX_PARTS, PROBLEM_TYPE_BASE, partPath } from '../../../functions/contract/relayProtocol.ts';
import { createHttpClient, type HttpClient } from '../../src/forward/httpExchange.ts';
import { createRelayClient } from '../../src/forward/relayClient.ts';
import { partBytes } from '../../src/forward/uploadParts.ts';
import { createUploadRate } from '../../src/forward/uploadRate.ts';
import type { StoredMessage } from '../../src/spool/spool.ts';
import { envelopeFrom } from '../spool/spoolContract.ts';
import { type FakeRelay, startFakeRelay } from '../support/fakeRelay.ts';

let relay: FakeRelay;
let http: HttpClient;

before(async () => {
  relay = await startFakeRelay();
  http = createHttpClient({ baseUrl: relay.url, maxSockets: 4, idleTimeoutMs: 5000, answerTimeoutMs: 5000 });
});
after(async () => {
  http.close();
  await relay.close();
});
beforeEach(() => {
  relay.requests.length = 0;
  relay.faults = [];
  relay.knowsParts = true;
});

const client = (compress: boolean) =>
  createRelayClient({ http, compress, now: Date.now, authorization: async () => 'Bearer test-key' });

function messageOf(bytes: Buffer): StoredMessage {
  return {
    envelope: { ...envelopeFrom(), receivedAt: new Date().toISOString() },
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('base64'),
    body: () =>
      Readable.from(
        Array.from({ length: Math.ceil(bytes.length / 50_000) }, (_, i) =>
          bytes.subarray(i * 50_000, (i + 1) * 50_000),
        ),
      ),
    close: async () => undefined,
  };
}

const methods = () => relay.requests.map(({ method }) => method);
const scan = Buffer.from(randomBytes(600_000).toString('base64').replace(/.{76}/g, '$&\r\n'));
const huge = Buffer.alloc(20_000_000, scan);

test('a scan is sent compressed, and arrives as it was', async () => {
  const id = newMessageId();
  assert.deepEqual(await client(true).submit(id, messageOf(scan), false), { kind: 'accepted' });
  const { body, headers } = relay.taken.at(-1)!;
  assert.deepEqual(body, scan);
  assert.equal(headers['content-encoding'], 'gzip');
  assert.ok(Number(headers['content-length']) < scan.length * 0.8, `${headers['content-length']} of ${scan.length}`);
});

test('what does not shrink, and what is small, is sent as it is', async () => {
  for (const bytes of [randomBytes(100_000), Buffer.from('Subject: x\r\n\r\n')]) {
    await client(true).submit(newMessageId(), messageOf(bytes), false);
    assert.equal(relay.taken.at(-1)!.headers['content-encoding'], undefined);
    assert.deepEqual(relay.taken.at(-1)!.body, bytes);
  }
});

test('a large message goes in one request at first, by parts after that failed', async () => {
  const id = newMessageId();
  relay.faults = [{ drop: true }];
  assert.equal((await client(false).submit(id, messageOf(huge), false)).kind, 'retry');
  assert.equal((await client(true).submit(id, messageOf(huge), true)).kind, 'accepted');
  assert.deepEqual(methods(), ['PUT', 'GET', 'GET part', 'PUT part', 'PUT part', 'PUT part', 'PUT']);
  assert.deepEqual(relay.taken.at(-1)!.body, huge);
});

test('an upload by parts that broke off goes on where it was', async () => {
  const id = newMessageId();
  relay.faults = [{ of: 'part', drop: true, method: 'PUT', times: 1 }];
  assert.equal((await client(false).submit(id, messageOf(huge), true)).kind, 'retry');
  relay.faults = [{ drop: true }];
  assert.equal((await client(false).submit(id, messageOf(huge), true)).kind, 'retry');
  relay.requests.length = 0;
  assert.equal((await client(false).submit(id, messageOf(huge), true)).kind, 'accepted');
  assert.deepEqual(methods(), ['GET', 'GET part', 'PUT']);
});

test('an upload goes on with parts of the size it began with', async () => {
  const id = newMessageId();
  const first = huge.subarray(0, 5_000_000);
  await http.exchange({ method: 'PUT', path: partPath(id, 1), headers: {}, body: Readable.from([first]) });
  relay.requests.length = 0;
  assert.equal((await client(false).submit(id, messageOf(huge), true)).kind, 'accepted');
  assert.deepEqual(methods(), ['GET', 'GET part', 'PUT part', 'PUT part', 'PUT part', 'PUT']);
  assert.deepEqual(relay.taken.at(-1)!.body, huge);
});

test('parts are as large as the line carries in a minute, and never so many that the function app refuses them', () => {
  const MB = 1_000_000;
  assert.equal(partBytes(20 * MB, Number.POSITIVE_INFINITY), MAX_PART_BYTES);
  const slow = partBytes(20 * MB, 30_000);
  assert.ok(slow / 30_000 < 70, `${slow} bytes take ${slow / 30_000} s`);
  for (const size of [5 * MB, 20 * MB, 150 * MB])
    for (const rate of [1, 1000, 30_000, 1e6, 1e9]) {
      const part = partBytes(size, rate);
      assert.ok(part <= MAX_PART_BYTES && Math.ceil(size / part) <= MAX_PARTS, `${size} at ${rate}: ${part}`);
    }
  assert.equal(partBytes(20 * MB, 100_000, 3 * MB), 3 * MB);
  assert.ok(partBytes(20 * MB, 10_000, MAX_PART_BYTES) < 1 * MB, 'the line became too slow for what it began with');
});

test('the rate of a line is what leaves, also when an upload breaks off', () => {
  let at = 0;
  const rate = createUploadRate(() => at);
  assert.equal(rate.bytesPerSecond, Number.POSITIVE_INFINITY);
  const short = rate.watch();
  short.sent(1000);
  at = 1000;
  short.end();
  assert.equal(rate.bytesPerSecond, Number.POSITIVE_INFINITY);
  const long = rate.watch();
  for (let n = 0; n < 10; n++) long.sent(30_000);
  at = 11_000;
  long.end();
  assert.equal(rate.bytesPerSecond, 30_000);
});

test('a message whose parts are refused as too large is refused', async () => {
  const problem = JSON.stringify({ type: `${PROBLEM_TYPE_BASE}message-too-large`, detail: 'Too large.' });
  const answers = http.exchange;
  const outcome = await createRelayClient({
    http: {
      ...http,
      exchange: async (request) =>
        request.method === 'PUT'
          ? { status: 413, headers: { 'content-type': 'application/problem+json' }, body: problem }
          : answers(request),
    },
    compress: false,
    now: Date.now,
    authorization: async () => 'Bearer test-key',
  }).submit(newMessageId(), messageOf(huge), true);
  assert.deepEqual(outcome, { kind: 'reject', code: '413 message-too-large', reason: 'Too large.' });
});

test('a function app that takes nothing compressed is sent the bytes as they are, from then on', async () => {
  const old = client(true);
  relay.faults = [{ status: 415, problem: 'unsupported-media-type' }];
  for (let n = 0; n < 2; n++) {
    assert.equal((await old.submit(newMessageId(), messageOf(scan), false)).kind, 'accepted');
    assert.equal(relay.taken.at(-1)!.headers['content-encoding'], undefined);
  }
  assert.deepEqual(methods(), ['PUT', 'PUT', 'PUT']);
});

test('a function app that knows no parts gets one request', async () => {
  relay.knowsParts = false;
  assert.equal((await client(false).submit(newMessageId(), messageOf(huge), true)).kind, 'accepted');
  assert.deepEqual(methods(), ['GET', 'GET part', 'PUT']);
});

test('a function app that never answers is given up on after the time allowed', async () => {
  const silent = await startFakeRelay({ delayMs: 2000 });
  const impatient = createHttpClient({ baseUrl: silent.url, maxSockets: 1, idleTimeoutMs: 300, answerTimeoutMs: 300 });
  const outcome = await createRelayClient({
    http: impatient,
    compress: false,
    now: Date.now,
    authorization: async () => 'Bearer test-key',
  }).submit(newMessageId(), messageOf(scan), false);
  assert.deepEqual(outcome, { kind: 'retry', reason: 'No answer from the function app: no answer within 0.3 s' });
  impatient.close();
  await silent.close();
});

test('a token that cannot be had counts as no answer', async () => {
  const outcome = await createRelayClient({
    http,
    compress: false,
    now: Date.now,
    authorization: () => Promise.reject(new Error('no token')),
  }).submit(newMessageId(), messageOf(scan), false);
  assert.equal(outcome.kind, 'retry');
});
