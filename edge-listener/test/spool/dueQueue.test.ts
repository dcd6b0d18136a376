import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDueQueue } from '../../src/spool/dueQueue.ts';

const itemOf = (due: number, sender = 'a') => ({ due, sender });

test('what was removed does not come, what was added anew comes once, at its new time', () => {
  const queue = createDueQueue<{ due: number; sender: string }>();
  const items = [1, 2, 3, 4].map((due) => itemOf(due));
  for (const item of items) queue.add(item);
  queue.remove(items[0]!);
  queue.remove(items[0]!);
  assert.equal(queue.nextDue(), 2);
  assert.equal(queue.take(3), items[1]);
  assert.equal(queue.nextDue(), 0, 'the third is due');
  queue.remove(items[2]!);
  assert.equal(queue.take(3), undefined);
  queue.add({ ...items[2]! });
  items[3]!.due = 0;
  queue.add(items[3]!);
  assert.equal(queue.size, 2);
  assert.equal(queue.take(10), items[3]);
  assert.equal(queue.take(10)?.due, 3);
  assert.equal(queue.take(10), undefined);
  assert.equal(queue.nextDue(), undefined);
  assert.equal(queue.size, 0);
});

test('among items due at the same moment the first to come goes first', () => {
  const queue = createDueQueue<{ due: number; sender: string }>();
  const items = Array.from({ length: 100 }, () => itemOf(7));
  for (const item of items) queue.add(item);
  for (const item of items) assert.equal(queue.take(7), item);
});

test('expediting many of a hundred thousand waiting items looks at few of them', () => {
  let looks = 0;
  const queue = createDueQueue<{ due: number; sender: string }>();
  const items = Array.from({ length: 100_000 }, (_, n) => ({
    sender: 'a',
    at: 1e9 + n,
    get due() {
      looks++;
      return this.at;
    },
  }));
  for (const item of items) queue.add(item);
  looks = 0;
  for (const item of items.slice(-1000)) {
    queue.remove(item);
    item.at = 0;
    queue.add(item);
  }
  for (let n = 0; n < 1000; n++) assert.ok(queue.take(1));
  assert.equal(queue.take(1), undefined);
  assert.ok(looks < 10_000, `${looks} looks`);
  for (let n = 0; n < 50; n++) for (const item of items.slice(0, 10_000)) queue.add(item);
  assert.equal(queue.size, 99_000);
});
