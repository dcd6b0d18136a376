// The guarantee by timer: what should have moved and did not is woken, what is finished is cleared away.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { sweepMail } from '../../delivery/sweepMail.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { future, newRelay, past } from './testRelay.ts';

test('the sweeper wakes what is late, clears what is finished, reports what was not, and leaves the rest', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const late = await relay.accept({ due: past(16 * 60_000) });
  const dead = await relay.accept({
    state: 'sending',
    claim: { owner: 'x', since: past(1000), until: past(16 * 60_000), attempt: 1 },
  });
  await relay.accept({ due: past(60_000) });
  await relay.accept({ state: 'sent' });
  const silent = await relay.accept({ state: 'failed', reason: 'X: y' });
  const orphan = { caller: 'local', id: randomUUID() };
  await relay.store.newBody(orphan).commit('d');
  const report = await sweepMail(relay);
  assert.deepEqual(relay.queues.sent.map(({ wakeUp }) => wakeUp.id).sort(), [late.id, dead.id].sort());
  assert.deepEqual([report.waiting, report.woken, report.cleared], [3, 2, 1]);
  assert.ok((await relay.state(silent)).reported);
  assert.ok(relay.store.bodies.has(`local/${orphan.id}`));
  const tomorrow = await sweepMail(relay, Date.now() + 25 * 3600_000);
  assert.equal(tomorrow.cleared, 1);
  assert.ok(!relay.store.bodies.has(`local/${orphan.id}`));
});

test('the sweeper wakes a late mail once in a quarter of an hour, whatever else is in the queue', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const [mail, other] = [await relay.accept({ due: past(3600_000) }), await relay.accept({ due: future(3600_000) })];
  for (let i = 0; i < 3; i++) await relay.queues.wakeUp('deliveries-waiting', wakeUpOf(other), 60_000);
  const wakeUps = () => relay.queues.sent.filter(({ wakeUp }) => wakeUp.id === mail.id).length;
  await sweepMail(relay.options);
  await sweepMail(relay.options, Date.now() + 5 * 60_000);
  assert.equal(wakeUps(), 1);
  await sweepMail(relay.options, Date.now() + 16 * 60_000);
  assert.equal(wakeUps(), 2);
});

test('a state record that cannot be read stops nobody else, and its body stays', async (t) => {
  const relay = await newRelay([]);
  t.after(relay.graphServer.close);
  const [broken, late] = [await relay.accept(), await relay.accept({ due: past(3600_000) })];
  const readState = relay.store.readState;
  const store = {
    ...relay.store,
    readState: async (key: { caller: string; id: string }) => {
      if (key.id === broken.id) throw new Error('not a state record');
      return readState(key);
    },
  };
  await sweepMail({ ...relay.options, store }, Date.now() + 30 * 3600_000);
  assert.ok(relay.queues.sent.some(({ wakeUp }) => wakeUp.id === late.id));
  assert.ok(relay.store.bodies.has(`local/${broken.id}`));
  assert.ok(relay.names().includes('relay.trouble'));
});
