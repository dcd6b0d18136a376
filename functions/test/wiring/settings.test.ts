// Settings that cannot work are refused at start, all in one message, each with what was expected.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from '../../wiring/settings.ts';

const SANDBOX = { MailStorage: 'unused', GRAPH_CREDENTIAL: 'none' };
const AZURE = {
  MailStorage: 'unused',
  GRAPH_CREDENTIAL: 'managedIdentity',
  GRAPH_CLIENT_ID: '11111111-2222-4333-8444-555555555555',
};

for (const name of ['DEFAULT_SENDER', 'FALLBACK_MAILBOX', 'POSTMASTER', 'REDIRECT_ALL_TO'] as const)
  test(`${name} is an address that a header can carry`, () => {
    assert.equal(readSettings({ ...SANDBOX, [name]: 'relay@contoso.com' })[name], 'relay@contoso.com');
    for (const wrong of [
      'relay',
      'a@b@c',
      'a(b)@contoso.com',
      'größe@contoso.com',
      'a@-contoso.com',
      'a:b@contoso.com',
    ])
      assert.throws(
        () => readSettings({ ...SANDBOX, [name]: wrong }),
        new RegExp(`${name}: expected an address`),
        wrong,
      );
  });

test('a token goes over https, or nowhere but to this machine', () => {
  const plain = { ...AZURE, GRAPH_BASE_URL: 'http://graph.contoso.com' };
  assert.throws(() => readSettings(plain), /GRAPH_BASE_URL: expected https/);
  for (const url of ['http://127.0.0.1:8025', 'http://localhost:8025', 'http://[::1]:8025'])
    assert.equal(readSettings({ ...AZURE, GRAPH_BASE_URL: url }).GRAPH_BASE_URL, url);
  assert.ok(readSettings({ ...plain, GRAPH_CREDENTIAL: 'none' }), 'the sandbox may stand anywhere: it gets no token');
});

test('the token is for the cloud that it goes to', () => {
  const gov = 'https://graph.microsoft.us';
  assert.throws(() => readSettings({ ...AZURE, GRAPH_BASE_URL: gov }), /expected the same cloud/);
  assert.throws(() => readSettings({ ...AZURE, GRAPH_SCOPE: `${gov}/.default` }), /expected the same cloud/);
  assert.ok(readSettings({ ...AZURE, GRAPH_BASE_URL: gov, GRAPH_SCOPE: `${gov}/.default` }));
  assert.ok(readSettings({ ...AZURE, GRAPH_BASE_URL: 'https://gateway.contoso.com/graph' }), 'a gateway of one’s own');
});
