// A worker that dies at any step: before or after each call to storage, queue and Graph. Nothing is lost, and a second
// copy goes out only where the policy allows it, with a warning.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DeliveryOptions, deliverMessage } from '../../delivery/deliverMessage.ts';
import { createMailboxWindows } from '../../delivery/mailboxWindows.ts';
import { sweepMail } from '../../delivery/sweepMail.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { newRelay, past } from './testRelay.ts';

class Killed extends Error {}

/** The same calls, until the `step`-th moment (before or after a call): from there on the process is dead. */
function dyingAt<T extends object>(target: T, clock: { moment: number; step: number }, methods: readonly string[]): T {
  const tick = () => {
    if (clock.moment++ >= clock.step) throw new Killed(`killed at moment ${clock.step}`);
  };
  return new Proxy(target, {
    get(object, name) {
      const method = Reflect.get(object, name) as unknown;
      if (typeof method !== 'function' || !methods.includes(String(name))) return method;
      return async (...args: unknown[]) => {
        tick();
        const result = await (Reflect.apply(method, object, args) as Promise<unknown>);
        tick();
        return result;
      };
    },
  });
}

const STORE = ['readState', 'openBody', 'replaceState', 'deleteBody', 'isPaused'];

for (const policy of ['resend', 'hold'] as const)
  test(`${policy}: a worker killed at any moment loses no mail`, async (t) => {
    let moments = Number.POSITIVE_INFINITY;
    let doubled = 0;
    for (let step = 0; step < moments; step++) {
      const relay = await newRelay([{ status: 202 }, { status: 202 }], { AMBIGUOUS_SEND: policy });
      t.after(relay.graphServer.close);
      const mail = await relay.accept();
      const clock = { moment: 0, step };
      const dying: DeliveryOptions = {
        ...relay.options,
        store: dyingAt(relay.store, clock, STORE),
        queues: dyingAt(relay.queues, clock, ['wakeUp']),
        graph: dyingAt(relay.options.graph, clock, ['call']),
        windows: createMailboxWindows(1),
      };
      const killed = await deliverMessage(dying, wakeUpOf(mail)).then(
        () => false,
        (error: unknown) => error instanceof Killed,
      );
      if (!killed && clock.moment <= step) moments = step;
      // The wake-up's lease ends, the dead worker's claim ends; another worker and the sweeper go on.
      const current = (await relay.store.readState(mail))!;
      const { claim } = current.record;
      await relay.store.replaceState(
        { ...current.record, ...(claim && { claim: { ...claim, until: past(20 * 60_000) } }) },
        current.etag,
      );
      await deliverMessage({ ...relay.options, owner: 'test/2' }, wakeUpOf(mail));
      await sweepMail(relay.options);

      const { state } = await relay.state(mail);
      const sent = relay.graphServer.calls.length;
      const where = `killed at moment ${step}: ${state}, ${sent} sent`;
      assert.ok(state === 'sent' || (policy === 'hold' && state === 'held'), where);
      if (state === 'sent') assert.ok(sent >= 1, where);
      if (sent > 1) {
        doubled++;
        assert.equal(policy, 'resend', where);
        assert.ok(relay.names().includes('mail.duplicateRisk'), where);
      }
      assert.ok(sent <= 2, where);
      if (state === 'sent') assert.equal(relay.store.bodies.size, 0, where);
    }
    assert.ok(moments > 12, `only ${moments} moments were tried`);
    // Between the answer of Graph and the record of it: that window, and no other.
    assert.equal(doubled, policy === 'resend' ? 2 : 0);
  });
