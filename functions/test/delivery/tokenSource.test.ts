// The managed identity, against an endpoint as App Service and Functions offer it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createTokenSource, graphTokenSource } from '../../delivery/tokenSource.ts';
import { readSettings } from '../../wiring/settings.ts';

const CLIENT_ID = '11111111-2222-4333-8444-555555555555';

test('the token is asked for with the identity of the settings and the scope of the cloud', async (t) => {
  const asked: URL[] = [];
  const server = createServer((request, response) => {
    asked.push(new URL(request.url!, 'http://identity'));
    assert.equal(request.headers['x-identity-header'], 'proof');
    const inAnHour = Math.floor(Date.now() / 1000) + 3600;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        access_token: 'from-identity',
        expires_on: String(inAnHour),
        token_type: 'Bearer',
        resource: 'x',
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const before = { ...process.env };
  process.env.IDENTITY_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`;
  process.env.IDENTITY_HEADER = 'proof';
  t.after(() => {
    process.env = before;
  });
  const source = graphTokenSource(
    readSettings({
      MailStorage: 'unused',
      GRAPH_CREDENTIAL: 'managedIdentity',
      GRAPH_CLIENT_ID: CLIENT_ID,
      GRAPH_BASE_URL: 'https://microsoftgraph.chinacloudapi.cn',
      GRAPH_SCOPE: 'https://microsoftgraph.chinacloudapi.cn/.default',
    }),
  );
  const tokens = await Promise.all(Array.from({ length: 10 }, () => source.get()));
  assert.deepEqual([...new Set(tokens)], ['from-identity']);
  assert.equal(asked.length, 1, 'ten callers at once cause one request');
  assert.equal(asked[0]!.searchParams.get('client_id'), CLIENT_ID);
  assert.equal(asked[0]!.searchParams.get('resource'), 'https://microsoftgraph.chinacloudapi.cn');
});

test('a token is kept until it nears its end, and dropped when Graph refuses it', async () => {
  let asked = 0;
  const lives = [3600_000, 60_000, 3600_000];
  const source = createTokenSource(
    { getToken: async () => ({ token: `token ${asked}`, expiresOnTimestamp: Date.now() + lives[asked++]! }) },
    'scope',
  );
  assert.equal(await source.get(), await source.get());
  source.forget();
  await source.get();
  assert.equal(asked, 2);
  await source.get();
  assert.equal(asked, 3, 'one that lives a minute is renewed at once');
  await source.get();
  assert.equal(asked, 3);
});

test('a failed request is not kept: the next caller asks again', async () => {
  let asked = 0;
  const source = createTokenSource(
    {
      getToken: async () => {
        if (asked++ === 0) throw new Error('identity endpoint is starting');
        return { token: 'x', expiresOnTimestamp: Date.now() + 3600_000 };
      },
    },
    'scope',
  );
  await assert.rejects(source.get(), /starting/);
  assert.equal(await source.get(), 'x');
});

test('without an explicit credential nobody signs in: the settings refuse to start', () => {
  assert.throws(() => readSettings({ MailStorage: 'unused' }), /GRAPH_CLIENT_ID: expected the client id/);
});
