// What a request says about its body, and what is made of it when that is a lie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import { Refusal } from '../../intake/problems.ts';
import { openRequestBody } from '../../intake/requestBody.ts';

const TEN = Buffer.from('0123456789');

function* chunksOf(body: Uint8Array | readonly Uint8Array[]) {
  if (body instanceof Uint8Array) yield body;
  else yield* body;
}

/** The body as it was read, or the problem it came to. */
async function read(
  headers: Record<string, string>,
  body: Uint8Array | readonly Uint8Array[],
  ...limit: [number?, 'part'?]
) {
  const request = { headers: new Headers(headers), body: ReadableStream.from(chunksOf(body)) };
  try {
    const chunks: Uint8Array[] = [];
    const [most = 1000, what = 'message'] = limit;
    for await (const chunk of openRequestBody(request as unknown as HttpRequest, most, what)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error;
  }
}

const problemOf = (read: string | Refusal) => (typeof read === 'string' ? 'none' : read.problem);

test('a body is as long as it says', async () => {
  assert.equal(await read({ 'content-length': '10' }, TEN), '0123456789');
  assert.equal(await read({}, TEN), '0123456789');
  for (const body of [TEN.subarray(1), Buffer.concat([TEN, Buffer.from('x')]), Buffer.alloc(0)])
    assert.equal(problemOf(await read({ 'content-length': '10' }, body)), 'bad-request', `${body.length} bytes came`);
});

test('a length is digits and nothing else', async () => {
  for (const length of ['1e3', '-1', '10, 10', '0x0a', '10.0', 'ten', '9'.repeat(16)])
    assert.equal(problemOf(await read({ 'content-length': length }, TEN)), 'bad-request', length);
});

const zipped = gzipSync(TEN);
const gzip = { 'content-encoding': 'gzip' };

test('gzip is undone, and what is not all gzip is refused without waiting for more', { timeout: 5000 }, async () => {
  assert.equal(await read({ ...gzip, 'content-length': String(zipped.length) }, zipped), '0123456789');
  assert.equal(
    await read(gzip, Buffer.concat([zipped, zipped])),
    '01234567890123456789',
    'several members are one gzip',
  );
  for (const [what, body] of [
    ['text behind it', Buffer.concat([zipped, TEN])],
    ['an end too early', zipped.subarray(0, -4)],
    ['no gzip', TEN],
    ['nothing', Buffer.alloc(0)],
  ] as const)
    assert.equal(problemOf(await read(gzip, body)), 'bad-request', what);
});

test('zeros behind gzip are padding, as everywhere, and nobody waits for more', { timeout: 5000 }, async () => {
  const zeros = Buffer.alloc(100_000);
  assert.equal(await read(gzip, Buffer.concat([zipped, zeros]), 200_000), '0123456789');
  assert.equal(await read(gzip, [zipped, zeros, zeros], 300_000), '0123456789');
});

test('what has too many bytes is refused, inflated too, and told the limit of a message only', async () => {
  const large = Buffer.alloc(1001);
  const bomb = gzipSync(Buffer.alloc(1_000_000));
  for (const answer of [
    await read({}, large),
    await read({ 'content-length': '1001' }, large),
    await read(gzip, bomb, 2000),
  ]) {
    assert.ok(answer instanceof Refusal);
    assert.equal(answer.problem, 'message-too-large');
    assert.match(answer.message, /^The message has more than \d+ bytes/);
    assert.ok(answer.extensions.maxMessageBytes);
  }
  const part = await read({}, large, 1000, 'part');
  assert.ok(part instanceof Refusal);
  assert.match(part.message, /^The part has/);
  assert.deepEqual(part.extensions, {}, 'the limit of a part is not that of a message');
});
