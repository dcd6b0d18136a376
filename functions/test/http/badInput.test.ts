// What is wrong with a request is said in a problem document, and nothing of it stays behind.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { encodeEnvelope } from '../../contract/envelope.ts';
import { newMessageId } from '../../contract/messageId.ts';
import { aMessage, anEnvelope, assertProblem, caller, digestOf, edgeHeaders, eventually } from './requests.ts';
import { type RunningRelay, startRelay } from './runningRelay.ts';

let relay: RunningRelay;
let local: ReturnType<typeof caller>;
before(async () => {
  relay = await startRelay({ LARGE_MAIL: 'on', MAX_MESSAGE_BYTES: '9000000' });
  local = caller(relay);
});
after(() => relay?.stop());

async function nothingIsKept(id: string): Promise<void> {
  const key = { caller: 'local', id };
  assert.equal(await relay.store.readState(key), undefined);
  assert.equal(await relay.store.bodyDigest(key), undefined);
}

for (const [what, authorization] of [
  ['no key', undefined],
  ['a wrong key', 'Bearer wrong'],
  ['a key in another scheme', 'Basic bG9jYWwtZGV2LWtleQ=='],
  ['a key too many', 'Bearer local-dev-key local-dev-key'],
] as const)
  test(`${what} is answered with 401 and how to authenticate`, async () => {
    const id = newMessageId();
    const answer = await local.put(id, aMessage(), { authorization });
    assertProblem(answer, 401, 'unauthorized');
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
    await nothingIsKept(id);
  });

const envelopeOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const recipients = (to: string[]) => anEnvelope(to);
for (const [what, envelope, status, name] of [
  ['no envelope', undefined, 400, 'bad-request'],
  ['an envelope that is not base64url', '{"v":1}', 400, 'bad-request'],
  ['an envelope that is not JSON', 'bm90IGpzb24', 400, 'bad-request'],
  ['an envelope of another version', envelopeOf({ v: 2, from: '', to: ['a@b.example'] }), 400, 'bad-request'],
  ['an envelope over 8 kB', recipients(Array(400).fill('somebody@contoso.com')), 400, 'bad-request'],
  ['an envelope without recipients', recipients([]), 422, 'unprocessable-message'],
  ['a bad recipient', recipients(['bob@contoso.com', 'bob at contoso']), 422, 'unprocessable-message'],
  ['a recipient with a line break', recipients(['bob@contoso.com\r\nBcc: x@y.example']), 422, 'unprocessable-message'],
  ['a recipient outside ASCII', recipients(['日本@contoso.com']), 422, 'unprocessable-message'],
] as const)
  test(`a PUT with ${what} is answered with ${status}`, async () => {
    const id = newMessageId();
    assertProblem(await local.put(id, aMessage(), { 'x-relay-envelope': envelope }), status, name);
    await nothingIsKept(id);
  });

test('every bad address of an envelope is named', async () => {
  const answer = await local.put(newMessageId(), aMessage(), {
    'x-relay-envelope': recipients(['bob@contoso.com', 'one', 'two@']),
  });
  assert.deepEqual(assertProblem(answer, 422, 'unprocessable-message').addresses, ['one', 'two@']);
});

test('a body that is not what its digest promises is answered with 400', async () => {
  const id = newMessageId();
  const digest = digestOf(Buffer.from('another body'));
  assertProblem(await local.put(id, aMessage(), { 'content-digest': digest }), 400, 'bad-request');
  assertProblem(await local.put(id, aMessage(), { 'content-digest': 'md5=:AAAA:' }), 400, 'bad-request');
  await nothingIsKept(id);
});

for (const id of [
  'no-uuid',
  randomUUID().toUpperCase(),
  `..%2f..%2fother%2f${randomUUID()}`,
  `${randomUUID()}.parts`,
  '%00',
])
  test(`the id ${id} is answered with 400`, async () => {
    assertProblem(await local.put(id, aMessage()), 400, 'bad-request');
    assertProblem(await local.get(id), 400, 'bad-request');
  });

test('the same id with other bytes or other recipients is answered with 409, and the first mail goes out', async () => {
  const [id, message] = [newMessageId(), aMessage()];
  assert.equal((await local.put(id, message)).status, 202);
  const other = { 'x-relay-envelope': anEnvelope(['eve@contoso.com']) };
  assertProblem(await local.put(id, aMessage()), 409, 'conflict');
  assertProblem(await local.put(id, message, other), 409, 'conflict');
  await local.until(id, 'sent');
  assertProblem(await local.put(id, aMessage()), 409, 'conflict');
  assertProblem(await local.put(id, message, other), 409, 'conflict');
  assert.equal(await relay.store.bodyDigest({ caller: 'local', id }), undefined);
});

test('an empty body is answered with 422, an unknown route with 404, another content type with 415', async () => {
  const id = newMessageId();
  assertProblem(await local.put(id, Buffer.alloc(0)), 422, 'unprocessable-message');
  assertProblem(await local.put(id, aMessage(), { 'content-type': 'text/plain' }), 415, 'unsupported-media-type');
  await nothingIsKept(id);
  assert.equal((await local.request('GET', '/api/nothing')).status, 404);
  assert.equal((await local.request('DELETE', `/api/messages/${id}`)).status, 404);
  assertProblem(await local.get(id), 404, 'not-found');
});

test('a message over the limit is answered with 413 by its length', async () => {
  const id = newMessageId();
  const answer = await local.put(id, Buffer.alloc(9_000_001, 'x'));
  assert.equal(assertProblem(answer, 413, 'message-too-large').maxMessageBytes, 9_000_000);
  await nothingIsKept(id);
});

test('a message over the limit without a length is cut off while it comes, with 413', async () => {
  const id = newMessageId();
  const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const request = httpRequest(`${relay.url}/api/messages/${id}`, {
      method: 'PUT',
      headers: { ...edgeHeaders(Buffer.alloc(0), { 'content-digest': undefined }), 'transfer-encoding': 'chunked' },
      timeout: 20_000,
    });
    let sent = 0;
    let done = false;
    const chunk = Buffer.alloc(65_536, 'x');
    request.on('error', (error) => !done && reject(error));
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => {
        done = true;
        resolve({ status: response.statusCode!, text });
        request.destroy();
      });
    });
    request.write('From: scan@contoso.com\r\n\r\n');
    const more = () => {
      while (!done && sent < 60_000_000) {
        sent += chunk.length;
        if (!request.write(chunk)) return void request.once('drain', more);
      }
    };
    more();
  });
  assert.equal(answer.status, 413);
  assert.match(answer.text, /message-too-large/);
  await nothingIsKept(id);
});

test('an early answer reaches a client that is still sending, and the next one is not held up by the rest', async () => {
  // The host keeps its connections to the app: a body left half read would block whoever comes next on one.
  for (const size of [100_000, 1_200_000, 3_000_000, 8_000_000])
    for (let i = 0; i < 5; i++) {
      const answer = await local.put(newMessageId(), Buffer.alloc(size, 'x'), { 'x-relay-envelope': 'broken' });
      assertProblem(answer, 400, 'bad-request');
    }
});

test('a client that goes away in the middle of an upload leaves nothing behind, and its id is free', async () => {
  const [id, message] = [newMessageId(), aMessage({ body: 'x\r\n'.repeat(2_500_000) })];
  const request = httpRequest(`${relay.url}/api/messages/${id}`, {
    method: 'PUT',
    headers: { ...edgeHeaders(message), 'content-length': String(message.length) },
  });
  request.on('error', () => {}); // the hang-up below
  await new Promise((resolve) => request.write(message.subarray(0, 6_000_000), resolve));
  // Two blocks of it are staged before the line goes dead.
  await eventually('a block is staged', async () => {
    const blob = relay.blobs.getContainerClient('mail').getBlockBlobClient(`local/${id}`);
    const staged = await blob.getBlockList('uncommitted').catch(() => undefined);
    return staged?.uncommittedBlocks?.length ? true : undefined;
  });
  request.destroy();
  assertProblem(await local.get(id), 404, 'not-found');
  await nothingIsKept(id);
  const other = aMessage({ body: 'y\r\n'.repeat(2_000_000) });
  assert.equal((await local.put(id, other)).status, 202);
  assert.equal((await relay.store.readState({ caller: 'local', id }))?.record.size, other.length);
});

test('a body shorter than its length says is never promised', async () => {
  const [id, message] = [newMessageId(), aMessage()];
  const request = httpRequest(`${relay.url}/api/messages/${id}`, {
    method: 'PUT',
    headers: {
      ...edgeHeaders(message, { 'content-digest': undefined }),
      'content-length': String(message.length + 10),
    },
  });
  request.on('error', () => {}); // the hang-up below
  await new Promise((resolve) => request.write(message, resolve));
  request.destroy();
  assertProblem(await local.get(id), 404, 'not-found');
  assert.equal((await local.put(id, message)).status, 202);
});

test('a request with two lengths, or a length and chunks, is refused before anybody can disagree about its end', async () => {
  const { hostname, port } = new URL(relay.url);
  const answerTo = (headers: string[]) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        const all = { ...edgeHeaders(Buffer.alloc(0), { 'content-digest': undefined }), host: hostname };
        const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
        socket.write(`PUT /api/messages/${newMessageId()} HTTP/1.1\r\n${[...lines, ...headers].join('\r\n')}\r\n\r\n`);
        socket.write('0\r\n\r\nGET /api/health HTTP/1.1\r\nhost: x\r\n\r\n');
      });
      let text = '';
      socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
      socket.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      // The server closes at once, over what it has not read.
      socket.on('error', () => {}).on('close', () => resolve(text));
    });
  for (const headers of [
    ['content-length: 5', 'transfer-encoding: chunked'],
    ['content-length: 5', 'content-length: 6'],
    ['content-length: -1'],
    ['transfer-encoding: gzip, chunked, x'],
  ]) {
    const answer = await answerTo(headers);
    assert.match(answer, /^HTTP\/1\.1 400 /, `${headers}: ${answer}`);
    assert.doesNotMatch(answer, /HTTP\/1\.1 200/, 'what followed was not taken for a request');
  }
});

test('an envelope header longer than HTTP takes is refused without harm', async () => {
  const answer = await local.put(newMessageId(), aMessage(), {
    'x-relay-envelope': encodeEnvelope({
      v: 1,
      from: '',
      to: Array(2000).fill('somebody@contoso.com'),
      receivedAt: '',
      edge: '',
      client: { address: '', helo: '', user: '', tls: '' },
    }),
  });
  assert.ok(answer.status === 400 || answer.status === 431, String(answer.status));
});
