import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createAuthorization } from '../../src/forward/authorization.ts';

test('a token that never comes is not waited for for ever', async (t) => {
  let asked = 0;
  const silent = http.createServer(() => asked++);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const names = {
    IDENTITY_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    IDENTITY_HEADER: 'x',
  };
  Object.assign(process.env, names);
  t.after(() => {
    for (const name of Object.keys(names)) delete process.env[name];
    silent.closeAllConnections();
    silent.close();
  });
  const authorization = await createAuthorization('', { managedIdentity: true, scope: 'api://relay/.default' }, 1000);
  await assert.rejects(authorization(), /Microsoft Entra gave no token: no answer within 1 s/);
  assert.ok(asked > 0);
});
