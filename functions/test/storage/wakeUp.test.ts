// Whatever somebody puts into a queue: it is a wake-up of known form, or nothing at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isMessageId, newMessageId } from '../../contract/messageId.ts';
import { parseWakeUp } from '../../storage/wakeUp.ts';
import { isCallerName } from '../../wiring/callers.ts';

const right = { v: 1, caller: 'erp', id: newMessageId(), mailbox: 'scan@contoso.com', traceparent: '' };

test('any JSON value, and any that is nearly right', () => {
  const check = (value: unknown) => {
    const wakeUp = parseWakeUp(value);
    if (!wakeUp) return;
    assert.ok(isMessageId(wakeUp.id) && isCallerName(wakeUp.caller), JSON.stringify(value));
    assert.deepEqual(Object.keys(wakeUp).sort(), Object.keys(right).sort(), 'nothing else comes through');
  };
  fc.assert(fc.property(fc.jsonValue(), check), { numRuns: 2000 });
  const names = fc.constantFrom(...Object.keys(right), '__proto__', 'state', 'to');
  const changes = fc.dictionary(names, fc.jsonValue(), { maxKeys: 2 });
  fc.assert(
    fc.property(changes, (some) => check({ ...right, ...some })),
    { numRuns: 2000 },
  );
  assert.deepEqual(parseWakeUp({ ...right, to: ['eve@evil.example'] }), right);
});

test('a path, another caller name or another id form is no wake-up', () => {
  for (const change of [
    { caller: '../state' },
    { caller: 'ERP' },
    { id: '../x' },
    { id: right.id.toUpperCase() },
    { v: 2 },
  ])
    assert.equal(parseWakeUp({ ...right, ...change }), undefined, JSON.stringify(change));
});
