// What any spool must do, whatever its format on disk.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import { newMessageId } from '../../../functions/contract/messageId.ts';
import { SMALL_BYTES } from '../../src/spool/incomingMessage.ts';
import type { QueuedEntry, Spool } from '../../src/spool/spool.ts';
import { temporaryDirectory } from '../support/runEdge.ts';

/** Opens the spool in a directory, as a fresh process would. */
export type OpenSpool = (directory: string, now: () => number) => Promise<Spool>;

export function envelopeFrom(from = 'a@example.com'): Envelope {
  const client = { address: '192.0.2.7', helo: 'ünï', user: '', tls: '' };
  return { v: 1, from, to: ['b@example.com'], receivedAt: '', edge: 'test', client };
}

export async function put(spool: Spool, body: Buffer, at: number, from?: string): Promise<string> {
  const id = newMessageId(at);
  const message = spool.begin(id, envelopeFrom(from));
  for (let i = 0; i < body.length; i += 50_000) await message.append(body.subarray(i, i + 50_000));
  await message.commit(at);
  return id;
}

async function read(spool: Spool, entry: QueuedEntry): Promise<Buffer> {
  const message = await spool.open(entry);
  const chunks: Buffer[] = [];
  for await (const chunk of message.body()) chunks.push(chunk as Buffer);
  await message.close();
  return Buffer.concat(chunks);
}

const T0 = Date.parse('2026-01-01T00:00:00Z');
const sizes = { 'a small message': 2000, 'a message with a file of its own': SMALL_BYTES + 100_000 };

export function testSpoolContract(name: string, openSpool: OpenSpool): void {
  const it = (
    what: string,
    body: (directory: string, open: () => Promise<Spool>, clock: { now: number }) => Promise<void>,
  ) =>
    test(`${name}: ${what}`, async () => {
      const { path, remove } = temporaryDirectory();
      const clock = { now: T0 };
      try {
        await body(path, () => openSpool(path, () => clock.now), clock);
      } finally {
        remove();
      }
    });

  for (const [what, size] of Object.entries(sizes)) {
    it(`${what} comes back as it went in, also after a restart`, async (_, open, clock) => {
      const body = randomBytes(size);
      const first = await open();
      const id = await put(first, body, T0);
      await first.close();
      const spool = await open();
      clock.now += 60_000;
      const entry = spool.take(clock.now)!;
      assert.equal(entry.id, id);
      assert.equal(entry.bytes, size);
      assert.equal(entry.queuedAt, T0);
      assert.deepEqual(await read(spool, entry), body);
      const message = await spool.open(entry);
      const { envelope } = message;
      await message.close();
      assert.deepEqual(envelope, { ...envelopeFrom(), receivedAt: '2026-01-01T00:00:00.000Z' });
      await spool.close();
    });

    it(`${what} that was forwarded is gone, also after a restart, and takes no room`, async (_, open) => {
      const first = await open();
      await put(first, randomBytes(size), T0);
      await first.settle(first.take(T0)!, { kind: 'forwarded' });
      assert.equal(first.counts().queued, 0);
      assert.equal(first.counts().queuedBytes, 0);
      await first.close();
      const spool = await open();
      assert.equal(spool.counts().queued, 0);
      await spool.close();
    });

    it(`${what} that waits for a retry keeps its attempts over a restart and is tried again soon`, async (_, open, clock) => {
      const first = await open();
      await put(first, randomBytes(size), T0);
      const firstTriedAt = T0 + 5;
      await first.settle(first.take(T0)!, { kind: 'retry', attempts: 3, due: T0 + 3_600_000, firstTriedAt });
      assert.equal(first.take(T0 + 3_599_999), undefined);
      assert.equal(first.nextDue(), T0 + 3_600_000);
      await first.close();
      const spool = await open();
      clock.now += 30_000;
      const entry = spool.take(clock.now);
      assert.equal(entry?.attempts, 3);
      assert.equal(entry?.firstTriedAt, firstTriedAt);
      await spool.close();
    });

    it(`${what} that failed is counted as failed and never taken again`, async (_, open, clock) => {
      const first = await open();
      await put(first, randomBytes(size), T0);
      await first.settle(first.take(T0)!, { kind: 'failed', attempts: 1, code: '413', reason: 'too large' });
      assert.equal(first.counts().failed, 1);
      await first.close();
      const spool = await open();
      clock.now += 1e9;
      assert.equal(spool.take(clock.now), undefined);
      assert.deepEqual([spool.counts().queued, spool.counts().failed], [0, 1]);
      await spool.close();
    });

    it(`${what} that was not committed leaves nothing behind`, async (_, open) => {
      const first = await open();
      const aborted = first.begin(newMessageId(), envelopeFrom());
      await aborted.append(randomBytes(size));
      await aborted.abort();
      const halfWay = first.begin(newMessageId(), envelopeFrom());
      await halfWay.append(randomBytes(size));
      after(() => halfWay.abort());
      const spool = await open().catch(async () => {
        await first.close();
        return open();
      });
      assert.equal(spool.counts().queued, 0);
      assert.equal(spool.take(T0 + 1e9), undefined);
      await spool.close();
    });
  }

  it('what fell due first is taken first', async (_, open) => {
    const spool = await open();
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push(await put(spool, Buffer.from('x'), T0 + i));
    assert.equal(spool.take(T0 - 1), undefined);
    assert.deepEqual(
      ids.map(() => spool.take(T0 + 10)!.id),
      ids,
    );
    assert.equal(spool.take(T0 + 10), undefined);
    await spool.close();
  });

  it('senders take turns, so that a flood from one does not hold up the others', async (_, open) => {
    const spool = await open();
    for (let i = 0; i < 20; i++) await put(spool, Buffer.from('x'), T0 + i, 'flood@example.com');
    await put(spool, Buffer.from('x'), T0 + 50, 'quiet@example.com');
    const senders = [1, 2].map(() => spool.take(T0 + 100)!.sender);
    assert.ok(senders.includes('quiet@example.com'), senders.join());
    await spool.close();
  });

  it('many messages committed at once are all kept', async (_, open, clock) => {
    const first = await open();
    const bodies = Array.from({ length: 200 }, (_, i) => randomBytes(100 + i * 37));
    const ids = await Promise.all(bodies.map((body, i) => put(first, body, T0 + i)));
    await first.close();
    const spool = await open();
    clock.now += 60_000;
    const found = new Map<string, Buffer>();
    for (let entry = spool.take(clock.now); entry; entry = spool.take(clock.now))
      found.set(entry.id, await read(spool, entry));
    for (const [i, id] of ids.entries()) assert.deepEqual(found.get(id), bodies[i]);
    assert.equal(found.size, 200);
    await spool.close();
  });

  it('whoever listens hears of every commit', async (_, open) => {
    const spool = await open();
    let heard = 0;
    spool.onQueued(() => heard++);
    await put(spool, Buffer.from('x'), T0);
    assert.equal(heard, 1);
    await spool.close();
  });
}
