import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createHealth, createHealthOf, type HealthOptions } from '../../intake/reportHealth.ts';
import { readSettings } from '../../wiring/settings.ts';
import { createMemoryStore } from '../storage/memoryStore.ts';
import { aRecord } from '../storage/messageStoreContract.ts';

const settings = readSettings({ MailStorage: 'x', GRAPH_CREDENTIAL: 'none' });
const token = { get: async () => 'x', forget: () => {} };

function options(changes: Partial<HealthOptions> = {}) {
  const store = createMemoryStore();
  const add = async (changes: Parameters<typeof aRecord>[0]) => {
    const record = aRecord({ id: randomUUID(), ...changes });
    await store.createState(record);
    store.bodies.set(`${record.caller}/${record.id}`, { bytes: Buffer.from('x'), sha256: 'x', createdAt: new Date() });
  };
  return { store, add, options: { settings, store, token, ...changes } };
}

test('health counts what waits, has failed or is held, and how old the oldest is', async () => {
  const { add, store, options: all } = options();
  await add({ acceptedAt: new Date(Date.now() - 60_000).toISOString() });
  await add({ state: 'sending' });
  await add({ state: 'failed' });
  // Remains of an upload in parts are no mail.
  store.bodies.set(`local/${randomUUID()}.parts`, { bytes: Buffer.from('x'), sha256: 'x', createdAt: new Date() });
  const health = await createHealth(all)();
  assert.deepEqual([health.status, health.queue.length, health.failed, health.held], ['ok', 2, 1, 0]);
  assert.ok(Math.abs(health.queue.oldestSeconds - 60) <= 2);
  assert.equal(health.complete, true);
});

test('what an administrator should look at makes it degraded, and is said', async () => {
  const problems = async (health: ReturnType<typeof createHealth>) => {
    const { status, problems } = await health();
    assert.equal(status, 'degraded');
    return problems.join(' ');
  };
  const old = options();
  await old.add({ acceptedAt: new Date(Date.now() - 3600_000).toISOString() });
  await old.add({ state: 'held' });
  assert.match(await problems(createHealth(old.options)), /waited for 60 minutes.*1 mails are held/);
  const paused = options();
  await paused.store.setPaused(true);
  assert.match(await problems(createHealth(paused.options)), /paused/);
  const noToken = { get: () => Promise.reject(new Error('no identity')), forget: () => {} };
  assert.match(await problems(createHealth(options({ token: noToken }).options)), /access token/);
  const pilot = { ...settings, REDIRECT_ALL_TO: 'pilot@contoso.com' };
  assert.match(await problems(createHealth(options({ settings: pilot }).options)), /pilot@contoso\.com/);
});

test('one state record that cannot be read makes it degraded; the others are counted', async () => {
  const { store, add, options: all } = options();
  await add({});
  await add({});
  const [broken] = store.states.keys();
  const readState: typeof store.readState = async (key) => {
    if (`${key.caller}/${key.id}` === broken) throw new Error('not a record');
    return store.readState(key);
  };
  const health = await createHealth({ ...all, store: { ...store, readState } })();
  assert.deepEqual([health.status, health.queue.length, health.complete], ['degraded', 1, true]);
  assert.match(health.problems.join(), /1 state records cannot be read/);
});

test('where no state record can be read it is down', async () => {
  const { store, add, options: all } = options();
  await add({});
  await add({});
  const readState = () => Promise.reject(new Error('this container is gone'));
  assert.equal((await createHealth({ ...all, store: { ...store, readState } })()).status, 'down');
});

test('while it cannot be made it is down and says so, and is itself again when it can', async () => {
  const { options: all } = options();
  let cannot = true;
  const troubles: unknown[] = [];
  const health = createHealthOf(
    async () => {
      if (cannot) throw new Error('Invalid connection string.');
      return all;
    },
    settings,
    { trouble: (...trouble) => void troubles.push(trouble) },
  );
  const { status, delivery, problems, complete } = await health();
  assert.deepEqual([status, delivery, complete], ['down', 'on', false]);
  assert.match(problems.join(), /cannot be made ready/);
  assert.match(JSON.stringify(troubles), /Invalid connection string/);
  cannot = false;
  assert.equal((await health()).status, 'ok');
});

test('without storage it is down', async () => {
  const { store, options: all } = options();
  const listBodies = () => {
    throw new Error('connection refused');
  };
  const health = await createHealth({ ...all, store: { ...store, listBodies } })();
  assert.equal(health.status, 'down');
  assert.equal(health.complete, false);
});

test('however many ask, it looks twice a minute at most, and at a bounded number of mails', async () => {
  const { store, add, options: all } = options();
  for (let i = 0; i < 510; i++) await add({});
  let looks = 0;
  let now = Date.now();
  const readState: typeof store.readState = (key) => {
    looks++;
    return store.readState(key);
  };
  const health = createHealth({ ...all, store: { ...store, readState } }, () => now);
  const [one] = await Promise.all(Array.from({ length: 100 }, () => health()));
  assert.equal(looks, 500);
  assert.equal(one?.complete, false);
  now += 31_000;
  await health();
  assert.equal(looks, 1000);
});
