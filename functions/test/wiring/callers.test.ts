import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from '../../wiring/settings.ts';

const [KEY, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];
const LOCAL = 'ed5a18fb8f807f996d649e379d3f35f39c543a91bdbf88c492f2ebd10d4df86c';
const APPLICATION = '33333333-3333-4333-8333-33333333333c';
const entra = { ENTRA_TENANT_ID: APPLICATION, ENTRA_AUDIENCE: 'x' };
const azure = { GRAPH_CREDENTIAL: 'managedIdentity', GRAPH_CLIENT_ID: APPLICATION };

function read(callers: object, env: Record<string, string> = { GRAPH_CREDENTIAL: 'none' }) {
  return readSettings({ MailStorage: 'x', ...entra, ...env, CALLERS: JSON.stringify(callers) });
}

test('a credential is that of one caller: else nobody knows whose rules count', () => {
  assert.throws(() => read({ erp: { keyHashes: [OTHER, KEY] }, web: { keyHashes: [KEY] } }), /aaaaaaaa….*erp and web/);
  const upper = { applicationIds: [APPLICATION.toUpperCase()] };
  assert.throws(() => read({ erp: { applicationIds: [APPLICATION] }, web: upper }), /3333c; erp and web both have it/);
  assert.equal(read({ erp: { keyHashes: [KEY], ...upper }, web: { keyHashes: [OTHER] } }).callers.length, 2);
});

test('the key that every copy of this project has opens nothing that sends real mail', () => {
  assert.throws(
    () => read({ local: { keyHashes: [KEY, LOCAL] } }, azure),
    /caller local has the key of local\.settings/,
  );
  assert.equal(read({ local: { keyHashes: [LOCAL] } }).callers.length, 1);
  assert.equal(read({ erp: { keyHashes: [KEY] } }, azure).callers.length, 1);
});
