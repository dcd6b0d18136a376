import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { installedMailClients } from '../harness/mailClients.ts';
import { type RunningRelay, startRelay } from '../harness/startRelay.ts';
import { scanArrives } from './scans.ts';

let relay: RunningRelay;
before(async () => {
  relay = await startRelay();
});
after(() => relay[Symbol.asyncDispose]());

// What a scanner sends every day; `npm run torture:scans` sends up to 149 MB.
for (const [i, bytes] of [2_300_000, 4_000_000].entries())
  test(`a scan of ${bytes} bytes arrives whole, and once`, async (t) => {
    const client = installedMailClients().at(-1 - i) ?? installedMailClients()[0];
    assert.ok(client, 'Install swaks, curl or Python 3: this test sends mail with a client that is not ours.');
    t.diagnostic(await scanArrives(relay, { bytes, client, withinMs: 60_000 }));
  });
