// Entra access tokens against a key set of our own, served over HTTP as Entra serves its own.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { HttpRequest } from '@azure/functions';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { authenticate } from '../../intake/authenticate.ts';
import { Refusal } from '../../intake/problems.ts';
import type { Caller } from '../../wiring/callers.ts';
import { createEntraTokens } from '../../wiring/entraTokens.ts';

const TENANT = '11111111-1111-4111-8111-111111111111';
const AUDIENCE = '22222222-2222-4222-8222-222222222222';
const APPLICATION = '33333333-3333-4333-8333-333333333333';
const caller: Caller = { name: 'erp', keyHashes: [], applicationIds: [APPLICATION], senders: [], recipients: [] };

let ours: CryptoKey;
let theirs: CryptoKey;
let authority: string;
let answering = true;
const server = createServer();
before(async () => {
  const pair = await generateKeyPair('RS256');
  ours = pair.privateKey;
  theirs = (await generateKeyPair('RS256')).privateKey;
  const keys = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', use: 'sig', alg: 'RS256' }] };
  server.on('request', (request, response) => {
    if (!answering || request.url !== `/${TENANT}/discovery/v2.0/keys`) return void response.writeHead(503).end();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(keys));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  authority = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

interface TokenChanges {
  readonly claims?: JWTPayload;
  readonly audience?: string;
  readonly issuer?: string;
  readonly expires?: string;
  readonly notBefore?: string;
  readonly key?: CryptoKey;
}

function aToken(changes: TokenChanges = {}): Promise<string> {
  const { claims, audience = AUDIENCE, issuer = `${authority}/${TENANT}/v2.0`, expires = '1h', key = ours } = changes;
  return new SignJWT({ tid: TENANT, azp: APPLICATION, roles: ['Mail.Submit'], ver: '2.0', ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setNotBefore(changes.notBefore ?? '-1m')
    .setExpirationTime(expires)
    .sign(key);
}

async function outcome(token: string): Promise<string> {
  const entra = createEntraTokens({ tenantId: TENANT, audiences: [AUDIENCE, 'api://relay'], authority });
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

test("when Entra's keys cannot be had, nobody is told that his token is wrong", async () => {
  answering = false;
  const token = await aToken();
  await assert.rejects(outcome(token), (error) => !(error instanceof Refusal));
  answering = true;
});
