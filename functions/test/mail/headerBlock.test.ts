import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldValue, MAX_HEADER_BYTES, readHeaderBlock } from '../../mail/headerBlock.ts';

const read = (text: string) => readHeaderBlock(Buffer.from(text, 'latin1'), true)!;

test('a folded field is one field, with its own bytes', () => {
  const block = read('Subject: a\r\n b\r\nTo : x@y\r\n\r\nbody');
  assert.deepEqual(
    block.fields.map(({ name, raw }) => [name, raw]),
    [
      ['subject', 'Subject: a\r\n b\r\n'],
      ['to', 'To : x@y\r\n'],
    ],
  );
  assert.equal(fieldValue(block.fields[0]!), 'a b');
  assert.equal(block.bodyStart, 'Subject: a\r\n b\r\nTo : x@y\r\n\r\n'.length);
  assert.ok(block.separated);
});

test('a message without header starts with its body', () => {
  assert.deepEqual(read('\r\nbody'), { fields: [], bodyStart: 2, separated: true });
  assert.deepEqual(read('Hello world\r\n'), { fields: [], bodyStart: 0, separated: false });
});

test('a message that is only header ends with it', () => {
  const block = read('Subject: a\r\nTo: b@c');
  assert.equal(block.bodyStart, 'Subject: a\r\nTo: b@c'.length);
  assert.equal(block.fields.length, 2);
});

test('a line that is no field ends the header', () => {
  const block = read('Subject: a\r\nno field here\r\nBcc: x@y\r\n\r\nbody');
  assert.equal(block.fields.length, 1);
  assert.equal(block.bodyStart, 'Subject: a\r\n'.length);
  assert.ok(!block.separated);
});

test('8-bit bytes survive', () => {
  assert.equal(read('Subject: \xe9\xff\r\n\r\n').fields[0]?.raw, 'Subject: \xe9\xff\r\n');
});

test('a header without end is not read past the bound', () => {
  assert.equal(read(`X: ${'a'.repeat(MAX_HEADER_BYTES)}\r\n\r\n`), undefined);
  assert.equal(readHeaderBlock(Buffer.from('Subject: a\r\n'), false), undefined);
});
