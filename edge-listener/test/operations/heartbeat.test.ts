// What a heartbeat says, beyond the counts.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { instanceId } from '../../src/operations/instanceId.ts';
import { temporaryDirectory } from '../support/runEdge.ts';
import { writeCertificate } from '../support/testCertificate.ts';
import { until } from '../support/until.ts';
import { withEdge } from '../support/withEdge.ts';

withEdge(
  'a heartbeat names the end of the certificate that is in its place now, not of the one at the start',
  (directory) => ({ certificate: writeCertificate(directory, 'edge', 10), listener: { tls: 'starttls' } }),
  async ({ relay, directory }) => {
    const { certificateFile } = writeCertificate(directory, 'edge', 800);
    const { validTo } = new X509Certificate(readFileSync(certificateFile));
    await until('a heartbeat arrives', () => relay.heartbeats.length === 1);
    const [listener] = relay.heartbeats[0]!.body.listeners;
    assert.equal(listener!.certificateExpires, new Date(validTo).toISOString());
  },
);

test('an edge is the same after every start, and another on a clone of its machine', async () => {
  const { path, remove } = temporaryDirectory();
  const id = await instanceId(path, 'machine 1');
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(await instanceId(path, 'machine 1'), id);
  assert.notEqual(await instanceId(path, 'machine 2'), id);
  assert.equal(await instanceId(path, ''), readFileSync(`${path}/instance`, 'utf8').trim(), 'containers come and go');
  remove();
});
