import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../../intake/problems.ts';
import { receiveBody } from '../../intake/receiveBody.ts';
import { MAX_HEADER_BYTES } from '../../mail/headerBlock.ts';

const MANY = 100_000_000;

/** Receives these chunks and says what became of it, and how much had been stored by then. */
async function receive(chunks: Iterable<string>, checkHeader?: Parameters<typeof receiveBody>[3]) {
  let stored = 0;
  async function* body() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const write = async (chunk: Uint8Array) => {
    stored += chunk.length;
  };
  try {
    const { header, size } = await receiveBody(body(), MANY, write, checkHeader);
    return { fields: header.fields.length, size, stored };
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return { problem: error.problem, stored };
  }
}

const block = 'x'.repeat(64 * 1024);
function* endless(first: string) {
  yield first;
  for (let i = 0; i < 1000; i++) yield block;
}

test('a header without an end is refused when it is too long, not when all of it is stored', async () => {
  const { problem, stored } = await receive(endless('Subject: '));
  assert.equal(problem, 'unprocessable-message');
  assert.ok(stored <= MAX_HEADER_BYTES, `${stored} bytes were stored`);
});

test('what the check of the header refuses is stored no further', async () => {
  let checks = 0;
  const refuse = () => {
    checks++;
    throw new Refusal('sender-refused', 'no');
  };
  const { problem, stored } = await receive(endless('From: ceo@contoso.com\r\n\r\n'), refuse);
  assert.deepEqual([problem, stored, checks], ['sender-refused', 0, 1]);
});

test('the header is the same however the message is cut, and is checked once', async () => {
  const message = `From: a@contoso.com\r\nSubject: a\r\n b\r\n\r\n${'body\r\n'.repeat(50)}`;
  for (const length of [1, 2, 3, 7, 40, message.length]) {
    let checks = 0;
    const chunks = message.match(new RegExp(`[^]{1,${length}}`.replace('[^]', '[\\s\\S]'), 'g'))!;
    const { fields, size } = await receive(chunks, () => void checks++);
    assert.deepEqual([fields, size, checks], [2, message.length, 1], `in pieces of ${length}`);
  }
});

test('a message that is only header is checked at its end', async () => {
  let checks = 0;
  const { fields } = await receive(['Subject: a\r\nTo: b', '@c'], () => void checks++);
  assert.deepEqual([fields, checks], [2, 1]);
});
