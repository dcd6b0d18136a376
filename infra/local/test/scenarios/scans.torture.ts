// `npm run torture:scans`: scans as large as Graph takes them, by curl. Takes about ten minutes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installedMailClients } from '../harness/mailClients.ts';
import { startRelay } from '../harness/startRelay.ts';
import { scanArrives } from './scans.ts';

/** The PDF of a message of 35 MB, which is what the relay takes unless told otherwise, and of one of 149 MB. */
const [LARGE, LARGEST] = [25_500_000, 108_800_000];
const env = { MAX_MESSAGE_BYTES: '150000000' };
const client = installedMailClients().find(({ name }) => name === 'curl')!;
assert.ok(client, 'Install curl: these tests send mail with a client that is not ours.');

test('a message of 35 MB arrives whole, and once', async (t) => {
  await using relay = await startRelay();
  t.diagnostic(await scanArrives(relay, { bytes: LARGE, client, withinMs: 120_000 }));
});

test('a message of 149 MB arrives whole, and once', async (t) => {
  await using relay = await startRelay({ env });
  t.diagnostic(await scanArrives(relay, { bytes: LARGEST, client, withinMs: 240_000 }));
});

test('four messages of 149 MB at once arrive whole, and once', async (t) => {
  await using relay = await startRelay({ env });
  const scans = [0, 1, 2, 3].map((i) => {
    const scan = { bytes: LARGEST - 1000 * i, client, from: `scanner-${i}@contoso.com`, withinMs: 600_000 };
    return scanArrives(relay, scan);
  });
  // All of them to their end: what came of the others is wanted also where one failed.
  const ends = await Promise.allSettled(scans);
  for (const end of ends) t.diagnostic(end.status === 'fulfilled' ? end.value : String(end.reason));
  assert.ok(ends.every(({ status }) => status === 'fulfilled'));
});
