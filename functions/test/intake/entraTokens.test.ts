// Entra access tokens against a key set of our own, served over HTTP as Entra serves its own.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { HttpRequest } from '@azure/functions';
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { authenticate } from '../../intake/authenticate.ts';
import { Refusal } from '../../intake/problems.ts';
import type { Caller } from '../../wiring/callers.ts';
import { createEntraTokens, remoteKeys } from '../../wiring/entraTokens.ts';

const TENANT = '11111111-1111-4111-8111-111111111111';
const AUDIENCE = '22222222-2222-4222-8222-222222222222';
const APPLICATION = '33333333-3333-4333-8333-333333333333';
const caller: Caller = { name: 'erp', keyHashes: [], applicationIds: [APPLICATION], senders: [], recipients: [] };

let ours: CryptoKey;
let theirs: CryptoKey;
let authority: string;
/** What the server says instead of the keys, if anything. */
let instead: { status: number; body: string } | undefined;
/** Our private key, to be used with another algorithm. */
let ourJwk: Awaited<ReturnType<typeof exportJWK>>;
const server = createServer();
before(async () => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  ours = pair.privateKey;
  ourJwk = await exportJWK(pair.privateKey);
  theirs = (await generateKeyPair('RS256')).privateKey;
  // As in Entra's own set, nothing says which algorithm the key is for.
  const keys = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', use: 'sig' }] };
  server.on('request', (request, response) => {
    if (instead) return void response.writeHead(instead.status).end(instead.body);
    if (request.url !== `/${TENANT}/discovery/v2.0/keys`) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(keys));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  authority = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

interface TokenChanges {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly audience?: string;
  readonly issuer?: string;
  readonly expires?: string;
  readonly notBefore?: string;
  readonly key?: CryptoKey;
  readonly alg?: string;
  readonly kid?: string;
}

function aToken(changes: TokenChanges = {}): Promise<string> {
  const { claims, audience = AUDIENCE, issuer = `${authority}/${TENANT}/v2.0`, expires = '1h', key = ours } = changes;
  const token = new SignJWT({ tid: TENANT, azp: APPLICATION, roles: ['Mail.Submit'], ver: '2.0', ...claims })
    .setProtectedHeader({ alg: changes.alg ?? 'RS256', kid: changes.kid ?? 'k1' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(expires);
  if (!claims || !('nbf' in claims)) token.setNotBefore(changes.notBefore ?? '-1m');
  return token.sign(key);
}

async function outcome(
  token: string,
  entra = createEntraTokens({ tenantId: TENANT, audiences: [AUDIENCE, 'api://relay'], authority }),
): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const request = new HttpRequest({ method: 'GET', url: 'http://127.0.0.1/', headers });
  try {
    return (await authenticate({ callers: [caller], entra }, request)).name;
  } catch (error) {
    if (error instanceof Refusal) return error.problem;
    throw error;
  }
}

test('a token of a known application with the app role is its caller', async () => {
  assert.equal(await outcome(await aToken()), 'erp');
});

test('a version 1 token is taken too: other issuer, other audience, other claim for the application', async () => {
  const claims = { azp: undefined, appid: APPLICATION.toUpperCase(), ver: '1.0' };
  const v1 = { issuer: `https://sts.windows.net/${TENANT}/`, audience: 'api://relay', claims };
  assert.equal(await outcome(await aToken(v1)), 'erp');
});

const wrong: Record<string, [TokenChanges, string]> = {
  'signed by another key': [{ key: undefined as never }, 'unauthorized'],
  expired: [{ expires: '-5m' }, 'unauthorized'],
  'not valid yet': [{ notBefore: '10m' }, 'unauthorized'],
  'for another audience': [{ audience: 'https://graph.microsoft.com' }, 'unauthorized'],
  'of another issuer': [{ issuer: 'https://evil.example/v2.0' }, 'unauthorized'],
  'of another tenant': [{ claims: { tid: AUDIENCE } }, 'unauthorized'],
  'of no tenant': [{ claims: { tid: undefined } }, 'unauthorized'],
  'that does not say from when it counts': [{ claims: { nbf: undefined } }, 'unauthorized'],
  'of a user': [{ claims: { scp: 'Mail.Submit' } }, 'forbidden'],
  'of nobody in particular': [{ claims: { azp: undefined } }, 'unauthorized'],
  'without the app role': [{ claims: { roles: ['Mail.Read'] } }, 'forbidden'],
  'without any roles': [{ claims: { roles: undefined } }, 'forbidden'],
  'of an application that is no caller': [{ claims: { azp: TENANT } }, 'forbidden'],
};
for (const [what, [changes, problem]] of Object.entries(wrong))
  test(`a token ${what} is ${problem}`, async () => {
    const key = 'key' in changes ? theirs : ours;
    assert.equal(await outcome(await aToken({ ...changes, key })), problem);
  });

test('a token without a signature, or signed with what is public, is unauthorized', async () => {
  const [, payload] = (await aToken()).split('.');
  const header = (alg: string) => Buffer.from(JSON.stringify({ alg, kid: 'k1', typ: 'JWT' })).toString('base64url');
  assert.equal(await outcome(`${header('none')}.${payload}.AA`), 'unauthorized');
  assert.equal(await outcome(`${header('HS256')}.${payload}.AAAA`), 'unauthorized');
  assert.equal(await outcome('not.a.token'), 'unauthorized');
});

test('a token signed with our key by another algorithm is unauthorized', async () => {
  for (const alg of ['PS256', 'RS384', 'RS512']) {
    const key = (await importJWK(ourJwk, alg)) as CryptoKey;
    assert.equal(await outcome(await aToken({ alg, key })), 'unauthorized', alg);
  }
});

test('a tenant is the same in upper case', async () => {
  const settings = { tenantId: TENANT.toUpperCase(), audiences: [AUDIENCE], authority };
  assert.equal(await outcome(await aToken(), createEntraTokens(settings)), 'erp');
  assert.equal(await outcome(await aToken({ claims: { tid: TENANT.toUpperCase() } })), 'erp');
});

test("when Entra's keys cannot be had, or are none, nobody is told that his token is wrong", async (t) => {
  t.after(() => {
    instead = undefined;
  });
  const token = await aToken();
  for (const answer of [
    { status: 503, body: '' },
    { status: 200, body: '<html>' },
    { status: 200, body: '{}' },
    { status: 200, body: '{"keys":[1]}' },
  ]) {
    instead = answer;
    await assert.rejects(outcome(token), (error) => !(error instanceof Refusal), answer.body);
  }
});

test('while Entra is away its last keys count, for tokens that they signed', async (t) => {
  t.after(() => {
    instead = undefined;
  });
  const settings = { tenantId: TENANT, audiences: [AUDIENCE], authority };
  const entra = createEntraTokens(settings, remoteKeys(settings, 0));
  assert.equal(await outcome(await aToken(), entra), 'erp');
  instead = { status: 503, body: '' };
  assert.equal(await outcome(await aToken(), entra), 'erp');
  assert.equal(await outcome(await aToken({ key: theirs }), entra), 'unauthorized');
  await assert.rejects(outcome(await aToken({ kid: 'k2' }), entra), (error) => !(error instanceof Refusal));
});
