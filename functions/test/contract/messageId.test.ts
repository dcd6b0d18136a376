import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMessageId, newMessageId } from '../../contract/messageId.ts';

test('a new id is a version 7 UUID that carries its time', () => {
  const id = newMessageId(Date.UTC(2026, 10, 23));
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16), Date.UTC(2026, 10, 23));
  assert.ok(isMessageId(id));
});

test('ten thousand ids are ten thousand different ids', () => {
  assert.equal(new Set(Array.from({ length: 10_000 }, () => newMessageId())).size, 10_000);
});

for (const id of [
  '',
  '../../x',
  '0198F2A4-0000-7000-8000-000000000000',
  '0198f2a4-0000-7000-8000-00000000000',
  '%2e%2e',
])
  test(`${JSON.stringify(id)} is no id`, () => assert.ok(!isMessageId(id)));
