// The OpenAPI document is true: every operation, every answer and every problem in it is driven, and nothing else comes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { z } from 'zod';
import { renderApi } from '../../administration/renderApi.ts';
import { isMessageId, newMessageId } from '../../contract/messageId.ts';
import { PROBLEM_TYPE_BASE } from '../../contract/relayProtocol.ts';
import { type Answer, aMessage, anEnvelope, caller, digestOf, type Headers, sandbox, send } from './requests.ts';
import { type RunningRelay, startRelay } from './runningRelay.ts';
import { APPLICATION, AUDIENCE, callerSettings, TENANT } from './testCallers.ts';

interface Response {
  readonly headers?: Readonly<Record<string, { readonly schema: { readonly type: string } }>>;
  readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
}
type Schema = Readonly<Record<string, unknown>>;
interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Response>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

let relay: RunningRelay;
let document: Document;
let key: CryptoKey;
let issuer: string;
/** Whether the server that stands where Entra would gives out its keys. */
let entraAnswers = false;
const entra = createServer();
before(async () => {
  const pair = await generateKeyPair('RS256');
  key = pair.privateKey;
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256' }] });
  entra.on('request', (_, response) => response.writeHead(entraAnswers ? 200 : 503).end(entraAnswers ? keys : ''));
  await new Promise<void>((resolve) => entra.listen(0, '127.0.0.1', resolve));
  const authority = `http://127.0.0.1:${(entra.address() as AddressInfo).port}`;
  issuer = `${authority}/${TENANT}/v2.0`;
  relay = await startRelay({ ...callerSettings(authority), LARGE_MAIL: 'off', AMBIGUOUS_SEND: 'hold' });
  document = (await send('GET', `${relay.url}/api/openapi.json`, {})).json;
});
after(async () => {
  entra.close();
  await relay?.stop();
});

function aToken(claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ tid: TENANT, azp: APPLICATION, roles: ['Mail.Submit'], ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setNotBefore('-1m')
    .setExpirationTime('1h')
    .sign(key);
}

test('the document is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(structuredClone(document) as unknown as Record<string, unknown>);
  assert.deepEqual(result.errors ?? [], []);
  assert.ok(result.valid);
});

test('an id is in the document what it is in the code', () => {
  const pattern = new RegExp(String(document.components.schemas.Id?.pattern));
  for (const id of [
    newMessageId(),
    '019a209e-0423-0454-b9f9-9b984d04db54',
    '019A209E-0423-7454-b9f9-9b984d04db54',
    'x',
  ])
    assert.equal(pattern.test(id), isMessageId(id), id);
});

test('the rendered reference in the docs is made of this document', async () => {
  const rendered = await readFile(new URL('../../../docs/api-reference.md', import.meta.url), 'utf8');
  assert.equal(rendered, renderApi(), 'Run "npm run docs:api".');
});

/** What has been driven, as `operation status` or `operation status problem`. */
const driven = new Set<string>();

/** The schema with every reference put in place. */
function resolved(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(resolved);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref } = schema as { $ref?: string };
  if ($ref) return resolved(document.components.schemas[$ref.split('/').at(-1)!]);
  return Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, resolved(value)]));
}

function operationOf(id: string): Operation {
  const all = Object.values(document.paths).flatMap((path) => Object.values(path));
  return all.find(({ operationId }) => operationId === id)!;
}

/** Asserts that the document knows this answer of this operation, and notes it. */
function check(id: string, answer: Answer, expected: string): void {
  const [status, problem] = expected.split(' ');
  assert.equal(String(answer.status), status, `${id}: ${answer.text}`);
  const response = operationOf(id).responses[status!];
  assert.ok(response, `${id} may not answer ${status}`);
  const type = answer.headers.get('content-type')!.split(';')[0]!;
  const schema = response.content[type]?.schema;
  assert.ok(schema, `${id} ${status} may not be ${type}`);
  z.fromJSONSchema(resolved(schema) as Parameters<typeof z.fromJSONSchema>[0]).parse(answer.json);
  for (const [name, { schema }] of Object.entries(response.headers ?? {})) {
    const value = answer.headers.get(name);
    assert.ok(value, `${id} ${status} has no ${name}`);
    if (schema.type === 'integer') assert.match(value, /^\d+$/, name);
  }
  if (problem) assert.equal(answer.json.type, PROBLEM_TYPE_BASE + problem, answer.text);
  driven.add(`${id} ${expected}`);
}

const OPERATIONS: Record<string, (headers: Headers) => Promise<Answer>> = {
  submitMessage: (headers) => caller(relay).post(aMessage(), headers),
  acceptMessage: (headers) => caller(relay).put(newMessageId(), aMessage(), headers),
  reportMessage: (headers) => caller(relay).request('GET', `/api/messages/${newMessageId()}`, headers),
  retryMessage: (headers) => caller(relay).request('POST', `/api/messages/${newMessageId()}/retry`, headers),
  stagePart: (headers) => part(newMessageId(), Buffer.from('x'), headers),
  listParts: (headers) => caller(relay).request('GET', `/api/messages/${newMessageId()}/parts`, headers),
  receiveHeartbeat: (headers) => beat(headers),
};

function part(id: string, bytes: Buffer, headers: Headers = {}, n = '1', key?: string): Promise<Answer> {
  const type = { 'content-type': 'application/octet-stream' };
  const body = bytes as Buffer<ArrayBuffer>;
  return caller(relay, key).request('PUT', `/api/messages/${id}/parts/${n}`, { ...type, ...headers }, body);
}

function beat(headers: Headers = {}, changes: object = {}, name = 'plant-7'): Promise<Answer> {
  const spool = { count: 0, bytes: 0, oldestSeconds: 0 };
  const body = { v: 1, version: '1', uptimeSeconds: 1, spool, lastError: null, listeners: [], devices: [], ...changes };
  const type = { 'content-type': 'application/json' };
  return caller(relay).request('PUT', `/api/edges/${name}`, { ...type, ...headers }, JSON.stringify(body));
}

test('every operation of a caller: no credential, none that can be checked now, none that gives the right', async () => {
  const unchecked = { authorization: `Bearer ${await aToken()}` };
  for (const [id, call] of Object.entries(OPERATIONS)) {
    check(id, await call({ authorization: undefined }), '401 unauthorized');
    check(id, await call(unchecked), '503 unavailable');
  }
  check('reportHealth', await caller(relay).request('GET', '/api/health', unchecked), '200');
  entraAnswers = true;
  const powerless = { authorization: `Bearer ${await aToken({ roles: [] })}` };
  for (const [id, call] of Object.entries(OPERATIONS)) check(id, await call(powerless), '403 forbidden');
  assert.equal((await caller(relay, await aToken()).put(newMessageId(), aMessage())).status, 202);
});

test('submitMessage and acceptMessage', async () => {
  const json = { 'content-type': 'application/json' };
  const text = (mail: object) => JSON.stringify(mail);
  const mail = { from: 'scan@contoso.com', to: 'bob@contoso.com' };
  const as = (key?: string) => caller(relay, key);
  const retryKey = { 'idempotency-key': newMessageId() };
  const large = aMessage({ body: 'x'.repeat(3_000_000) });

  const submit = async (expected: string, body: Buffer | string, headers: Headers = {}, key = 'erp-key') => {
    check('submitMessage', await as(key).post(body, headers), expected);
    const { Mail } = document.components.schemas;
    // What is taken is what the document says may be sent.
    if (expected === '202' && typeof body === 'string')
      z.fromJSONSchema(resolved(Mail) as Parameters<typeof z.fromJSONSchema>[0]).parse(JSON.parse(body));
  };
  await submit('202', aMessage());
  await submit('202', text(mail), { ...json, ...retryKey });
  await submit('409 conflict', text({ ...mail, subject: 'x' }), { ...json, ...retryKey });
  await submit('400 bad-request', '{', json);
  await submit('403 sender-refused', text({ ...mail, from: 'ceo@fabrikam.com' }), json);
  await submit('413 message-too-large', large);
  await submit('415 unsupported-media-type', 'x', { 'content-type': 'text/plain' });
  await submit('422 unprocessable-message', text({ from: 'scan@contoso.com' }), json);
  await submit('422 recipient-refused', text({ ...mail, to: 'x@evil.example' }), json);
  await as('hasty-key').post(aMessage());
  await as('hasty-key').post(aMessage());
  await submit('429 rate-limited', aMessage(), {}, 'hasty-key');

  const id = newMessageId();
  const accept = async (expected: string, body: Buffer, headers: Headers = {}, key = 'erp-key', to = newMessageId()) =>
    check('acceptMessage', await as(key).put(to, body, headers), expected);
  await accept('202', aMessage(), {}, 'erp-key', id);
  await accept('409 conflict', aMessage(), {}, 'erp-key', id);
  await accept('400 bad-request', aMessage(), { 'x-relay-envelope': undefined });
  await accept('403 sender-refused', aMessage({ from: 'ceo@fabrikam.com' }));
  const parts = { 'x-relay-parts': 'a'.repeat(64), 'repr-digest': digestOf(Buffer.from('x')) };
  await accept('404 parts-missing', Buffer.alloc(0), parts);
  await accept('413 message-too-large', large);
  await accept('415 unsupported-media-type', aMessage(), { 'content-type': 'text/plain' });
  await accept('422 unprocessable-message', Buffer.alloc(0));
  await accept('422 recipient-refused', aMessage(), { 'x-relay-envelope': anEnvelope(['x@evil.example']) });
  await accept('429 rate-limited', aMessage(), {}, 'hasty-key');
});

test('reportMessage and retryMessage', async () => {
  const local = caller(relay);
  const [id, message] = [newMessageId(), aMessage({ from: 'report@contoso.com' })];
  await sandbox(relay).faults([{ path: 'report@contoso.com/sendMail', status: 403, code: 'ErrorSendAsDenied' }]);
  await local.put(id, message);
  await local.until(id, 'failed');
  check('reportMessage', await local.get(id), '200');
  check('reportMessage', await local.get(newMessageId()), '404 not-found');
  check('reportMessage', await local.get('x'), '400 bad-request');
  check('retryMessage', await local.retry(id), '202');
  await local.until(id, 'sent');
  check('reportMessage', await local.get(id), '200');
  check('retryMessage', await local.retry(id), '409 conflict');
  check('retryMessage', await local.retry(newMessageId()), '404 not-found');
  check('retryMessage', await local.retry('x'), '400 bad-request');
  const [held, doubtful] = [newMessageId(), aMessage({ from: 'doubt@contoso.com' })];
  await sandbox(relay).faults([{ path: 'doubt@contoso.com/sendMail', status: 503 }]);
  await local.put(held, doubtful);
  await local.until(held, 'held');
  check('retryMessage', await local.retry(held), '409 conflict');
  check('retryMessage', await local.retry(held, '?mayDuplicate=true'), '202');
  await local.until(held, 'sent');
  const hasty = caller(relay, 'hasty-key');
  await hasty.retry(newMessageId());
  await hasty.retry(newMessageId());
  check('retryMessage', await hasty.retry(newMessageId()), '429 rate-limited');
});

test('stagePart and listParts', async () => {
  const [id, bytes] = [newMessageId(), Buffer.from('x')];
  check('stagePart', await part(id, bytes), '200');
  check('stagePart', await part(id, bytes, {}, '0'), '400 bad-request');
  check('stagePart', await part(id, Buffer.alloc(9_000_000)), '413 message-too-large');
  check('stagePart', await part(id, bytes, { 'content-encoding': 'br' }), '415 unsupported-media-type');
  check('stagePart', await part(id, bytes, {}, '1', 'hasty-key'), '429 rate-limited');
  check('listParts', await caller(relay).request('GET', `/api/messages/${id}/parts`), '200');
  check('listParts', await caller(relay).request('GET', '/api/messages/x/parts'), '400 bad-request');
});

test('receiveHeartbeat, reportHealth and describeApi', async () => {
  const instance = (digit: string) => ({ instance: `${digit.repeat(8)}-0000-4000-8000-000000000000` });
  check('receiveHeartbeat', await beat({}, instance('1')), '200');
  check('receiveHeartbeat', await beat({}, instance('2')), '409 edge-name-taken');
  check('receiveHeartbeat', await beat({}, { v: 2 }), '400 bad-request');
  check('receiveHeartbeat', await beat({}, { lastError: 'x'.repeat(256_000) }), '413 message-too-large');
  check('receiveHeartbeat', await beat({ 'content-type': 'text/plain' }), '415 unsupported-media-type');
  for (let i = 0; i < 10; i++) await beat({}, {}, 'hasty');
  check('receiveHeartbeat', await beat({}, {}, 'hasty'), '429 rate-limited');
  check('reportHealth', await caller(relay).request('GET', '/api/health'), '200');
  check('reportHealth', await send('GET', `${relay.url}/api/health`, {}), '200');
  check('describeApi', await send('GET', `${relay.url}/api/openapi.json`, {}), '200');
});

test('nothing in the document was left out above', () => {
  const documented = Object.values(document.paths)
    .flatMap((path) => Object.values(path))
    .flatMap(({ operationId, responses }) =>
      Object.entries(responses).flatMap(([status, { content }]) => {
        const problem = content['application/problem+json']?.schema as
          | { properties: { type: { enum: string[] } } }
          | undefined;
        if (!problem) return [`${operationId} ${status}`];
        return problem.properties.type.enum.map((type) => `${operationId} ${status} ${type.split('/').at(-1)}`);
      }),
    );
  // Without storage there is no relay to ask over HTTP: the test of health itself covers it.
  const elsewhere = ['reportHealth 503'];
  assert.deepEqual([...driven].sort(), documented.filter((answer) => !elsewhere.includes(answer)).sort());
});
