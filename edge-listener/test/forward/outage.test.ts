import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOutageGate } from '../../src/forward/outageGate.ts';
import { startFakeRelay } from '../support/fakeRelay.ts';
import { runEdge, temporaryDirectory } from '../support/runEdge.ts';
import { sendMail } from '../support/smtpClient.ts';
import { until } from '../support/until.ts';

test('the gate closes after as many failures in a row as messages may be under way, and probes ever more slowly', () => {
  const gate = createOutageGate(4);
  for (let i = 0; i < 3; i++) assert.equal(gate.failed(0), false);
  assert.equal(gate.allowed(0), 4);
  assert.equal(gate.failed(0), true);
  const waits = [];
  for (let now = 0, i = 0; i < 6; i++) {
    assert.equal(gate.allowed(now), 0);
    waits.push(gate.opensAt! - now);
    now = gate.opensAt!;
    assert.equal(gate.allowed(now), 1);
    assert.equal(gate.failed(now), false);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.equal(gate.succeeded(), true);
  assert.equal(gate.allowed(0), 4);
});

test('a success between failures keeps the gate open', () => {
  const gate = createOutageGate(4);
  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 3; j++) assert.equal(gate.failed(0), false);
    assert.equal(gate.succeeded(), false);
  }
});

test('an outage costs few requests, and everything moves soon after its end', async () => {
  const directory = temporaryDirectory();
  const relay = await startFakeRelay();
  const edge = await runEdge(relay.url, directory.path);
  relay.faults = [
    { status: 503, times: 1e9 },
    { method: 'GET', status: 503, times: 1e9 },
  ];
  for (let i = 0; i < 200; i++) await sendMail(edge.port);
  await until('the outage is noticed', () => edge.seen('edge.relayUnreachable').length === 1);
  assert.ok(relay.requests.length < 30, `${relay.requests.length} requests during the outage`);
  relay.faults = [];
  await until('all arrive', () => relay.taken.length === 200, 20_000);
  assert.equal(edge.seen('edge.relayReachable').length, 1);
  await edge.stop();
  await relay.close();
  directory.remove();
});
