// What any message store must do; run against every implementation.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { ListedState, MessageKey, MessageStore } from '../../storage/messageStore.ts';

export function aRecord(changes: Partial<MessageStateRecord> = {}): MessageStateRecord {
  const now = new Date().toISOString();
  return {
    v: 1,
    caller: 'local',
    id: randomUUID(),
    from: 'scan@contoso.com',
    to: ['bob@contoso.com'],
    receivedAt: now,
    edge: 'plant-7',
    client: { address: '192.0.2.7', helo: 'printer', user: '', tls: '' },
    mailbox: 'scan@contoso.com',
    messageId: '<1@contoso.com>',
    size: 100,
    bodySha256: 'a'.repeat(64),
    envelopeSha256: 'b'.repeat(64),
    state: 'accepted',
    attempts: 0,
    acceptedAt: now,
    due: now,
    sentAt: null,
    claim: null,
    doubt: null,
    draftId: null,
    reason: null,
    crashes: 0,
    reported: false,
    digestDue: false,
    traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    ...changes,
  };
}

export function testMessageStore(name: string, open: () => MessageStore): void {
  const newKey = (): MessageKey => ({ caller: 'local', id: randomUUID() });

  async function put(store: MessageStore, key: MessageKey, chunks: Uint8Array[]): Promise<boolean> {
    const writer = store.newBody(key);
    for (const chunk of chunks) await writer.write(chunk);
    return writer.commit('c'.repeat(64));
  }
  async function get(store: MessageStore, key: MessageKey): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of (await store.openBody(key))!) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  for (const size of [1, 4 * 1024 * 1024, 9_000_001])
    test(`${name}: a body of ${size} bytes, written in odd pieces, comes back whole`, async () => {
      const [store, key, bytes] = [open(), newKey(), randomBytes(size)];
      const pieces: Buffer[] = [];
      for (let at = 0; at < size; at += 65_537) pieces.push(bytes.subarray(at, at + 65_537));
      assert.ok(await put(store, key, pieces));
      assert.ok(bytes.equals(await get(store, key)));
      assert.equal(await store.bodyDigest(key), 'c'.repeat(64));
      const described = await store.describeBody(key);
      assert.equal(described?.sha256, 'c'.repeat(64));
      assert.ok(Math.abs(described.createdAt.getTime() - Date.now()) < 60_000);
    });

  test(`${name}: a body is invisible before its commit and never rewritten after`, async () => {
    const [store, key] = [open(), newKey()];
    await store.newBody(key).write(randomBytes(5_000_000));
    assert.equal(await store.openBody(key), undefined);
    assert.equal(await store.bodyDigest(key), undefined);
    assert.equal(await store.describeBody(key), undefined);
    assert.ok(await put(store, key, [Buffer.from('first')]));
    assert.equal(await put(store, key, [Buffer.from('second')]), false);
    assert.equal(await put(store, key, [randomBytes(5_000_000)]), false);
    assert.equal(String(await get(store, key)), 'first');
  });

  test(`${name}: of two large uploads of one mail at once, one is kept whole`, async () => {
    const [store, key] = [open(), newKey()];
    const uploads = [Buffer.alloc(9_000_000, 1), Buffer.alloc(9_000_000, 2)];
    const kept = await Promise.all(uploads.map((bytes) => put(store, key, [bytes])));
    assert.equal(kept.filter(Boolean).length, 1);
    assert.ok((await get(store, key)).equals(uploads[kept.indexOf(true)]!));
  });

  test(`${name}: deleting a body twice is fine`, async () => {
    const [store, key] = [open(), newKey()];
    await put(store, key, [Buffer.from('x')]);
    await store.deleteBody(key);
    await store.deleteBody(key);
    assert.equal(await store.openBody(key), undefined);
  });

  test(`${name}: listing names every body`, async () => {
    const [store, keys] = [open(), [newKey(), newKey()]];
    for (const key of keys) await put(store, key, [Buffer.from('x')]);
    const listed = new Set<string>();
    for await (const { id } of store.listBodies()) listed.add(id);
    assert.ok(keys.every(({ id }) => listed.has(id)));
  });

  test(`${name}: a state is created once and changed only by who saw it last`, async () => {
    const [store, record] = [open(), aRecord()];
    assert.equal(await store.readState(record), undefined);
    assert.ok(await store.createState(record));
    assert.equal(await store.createState(record), false);
    const read = await store.readState(record);
    assert.deepEqual(read?.record, record);
    const claimed = await store.replaceState({ ...record, state: 'sending' }, read.etag);
    assert.equal(claimed?.record.state, 'sending');
    assert.equal(await store.replaceState({ ...record, state: 'failed' }, read.etag), undefined);
    assert.ok(await store.replaceState({ ...record, state: 'sent' }, claimed.etag));
    assert.equal((await store.readState(record))?.record.state, 'sent');
  });

  test(`${name}: ids are each caller's own`, async () => {
    const [store, key] = [open(), newKey()];
    await put(store, key, [Buffer.from('mine')]);
    assert.ok(await put(store, { ...key, caller: 'other' }, [Buffer.from('theirs')]));
    assert.equal(String(await get(store, key)), 'mine');
  });

  test(`${name}: of those who mark the same thing, the first one's word stands`, async () => {
    const [store, mark] = [open(), randomUUID()];
    assert.equal(await store.markOnce(mark, 'first'), 'first');
    assert.equal(await store.markOnce(mark, 'second'), 'first');
    assert.equal(await store.markOnce(mark, 'first'), 'first');
  });

  test(`${name}: listing states names every mail and its state, and nothing else that is kept beside them`, async () => {
    const [store, record, sent] = [open(), aRecord(), aRecord()];
    await store.createState(record);
    await store.createState(sent);
    const current = await store.readState(sent);
    await store.replaceState({ ...sent, state: 'sent' }, current!.etag);
    await store.markOnce(randomUUID(), 'mark');
    await store.setPaused(true);
    const listed: ListedState[] = [];
    for await (const key of store.listStates()) listed.push(key);
    const stateOf = (wanted: string) => listed.find(({ id }) => id === wanted)?.state;
    assert.deepEqual([stateOf(record.id), stateOf(sent.id)], ['accepted', 'sent']);
    assert.ok(listed.every(({ caller }) => !caller.startsWith('_')));
    assert.ok(listed.every(({ changedAt }) => Math.abs(changedAt!.getTime() - Date.now()) < 60_000));
    await store.setPaused(false);
  });

  test(`${name}: delivery is paused until it is resumed`, async () => {
    const store = open();
    assert.equal(await store.isPaused(), false);
    await store.setPaused(true);
    assert.equal(await store.isPaused(), true);
    await store.setPaused(false);
    await store.setPaused(false);
    assert.equal(await store.isPaused(), false);
  });

  test(`${name}: renewing a pause starts none and undoes no resume`, async () => {
    const store = open();
    assert.equal(await store.renewPause(), false);
    assert.equal(await store.isPaused(), false);
    await store.setPaused(true);
    assert.equal(await store.renewPause(), true);
    for (let i = 0; i < 20; i++) {
      await store.setPaused(true);
      await Promise.all([store.renewPause(), store.renewPause(), store.setPaused(false)]);
      assert.equal(await store.isPaused(), false);
    }
  });
}
