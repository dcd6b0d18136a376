// Whatever an edge, or who calls itself one, puts: a promise, a 4xx problem, never a crash and never a wrong recipient.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HttpRequest } from '@azure/functions';
import fc from 'fast-check';
import { encodeEnvelope } from '../../contract/envelope.ts';
import { newMessageId } from '../../contract/messageId.ts';
import { acceptPut } from '../../intake/acceptRequest.ts';
import { putPart } from '../../intake/messageParts.ts';
import { PROBLEMS, Refusal } from '../../intake/problems.ts';
import { receiveHeartbeat } from '../../intake/receiveHeartbeat.ts';
import { createRelayEvents } from '../../wiring/relayEvents.ts';
import { readSettings } from '../../wiring/settings.ts';
import { createMemoryParts } from '../storage/memoryParts.ts';
import { createMemoryQueues, createMemoryStore } from '../storage/memoryStore.ts';

const settings = readSettings({ MailStorage: 'x', GRAPH_CREDENTIAL: 'none' });
const caller = { name: 'edge', keyHashes: [], applicationIds: [], senders: ['*'], recipients: ['*'] };
const events = createRelayEvents(() => {}, 'domain');
const MAIL = Buffer.from('From: scan@contoso.com\r\nTo: bob@contoso.com\r\n\r\nHello\r\n');
const hex = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const digest = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
const envelope = encodeEnvelope({
  v: 1,
  from: 'scan@contoso.com',
  to: ['bob@contoso.com'],
  receivedAt: new Date().toISOString(),
  edge: 'plant-7',
  client: { address: '', helo: '', user: '', tls: '' },
});

/** The HTTP status that the work comes to. Anything but a promise or a refusal of the request is thrown. */
async function status(work: () => Promise<unknown>): Promise<number> {
  try {
    await work();
    return 200;
  } catch (error) {
    assert.ok(error instanceof Refusal, String((error as Error).stack));
    const { status } = PROBLEMS[error.problem];
    assert.ok(status >= 400 && status < 500, error.message);
    return status;
  }
}

function request(params: Record<string, string>, headers: Record<string, string>, bytes: Uint8Array) {
  return new HttpRequest({ method: 'PUT', url: 'http://127.0.0.1/x', params, headers, body: { bytes } });
}

function intake() {
  const store = createMemoryStore();
  return { store, options: { settings, store, queues: createMemoryQueues(), events, parts: createMemoryParts() } };
}

// Header values as HTTP carries them: visible ASCII, no blanks around.
const headerValue = fc.string({ unit: 'grapheme-ascii', maxLength: 80 }).map((text) => text.trim());
const values = {
  'content-digest': fc.oneof(headerValue, fc.constant(digest(MAIL))),
  'content-encoding': fc.oneof(headerValue, fc.constantFrom('gzip', 'identity')),
  'content-length': fc.oneof(headerValue, fc.constantFrom('0', '1e3', '-1', String(MAIL.length))),
  'x-relay-parts': fc.oneof(headerValue, fc.constant(hex(MAIL)), fc.constant(`${hex(MAIL)},${hex(MAIL)}`)),
  'repr-digest': fc.oneof(headerValue, fc.constant(digest(MAIL))),
  'x-relay-envelope': fc.oneof(headerValue, fc.constant(envelope)),
  traceparent: headerValue,
};
const NAMES = Object.keys(values);
/** A few headers that are wrong or odd, or all that a commit of parts needs. */
const headers = fc.oneof(
  fc
    .tuple(fc.record(values), fc.subarray(NAMES, { maxLength: 2 }))
    .map(([all, some]) => Object.fromEntries(Object.entries(all).filter(([name]) => some.includes(name)))),
  fc.record({ 'x-relay-parts': fc.constant(hex(MAIL)), 'repr-digest': values['repr-digest'] }),
);
const bodies = fc.oneof(fc.constant(MAIL), fc.constant(Buffer.alloc(0)), fc.uint8Array({ maxLength: 60 }));

test('a message that is put, with any headers and any body', async () => {
  let promised = 0;
  const check = async (changes: Record<string, string>, bytes: Uint8Array) => {
    const { store, options } = intake();
    await options.parts.stage({ caller: 'edge', id: '' }, 1, MAIL);
    const id = newMessageId();
    const all = { 'content-type': 'message/rfc822', 'x-relay-envelope': envelope, ...changes };
    const found = await status(() => acceptPut(options, caller, id, request({ id }, all, bytes)));
    assert.equal(store.states.size, found === 200 ? 1 : 0);
    if (found !== 200) return;
    promised++;
    assert.deepEqual(store.states.get(`edge/${id}`)!.record.to, ['bob@contoso.com']);
    const kept = store.bodies.get(`edge/${id}`)!.bytes;
    if (changes['x-relay-parts'] !== undefined || changes['content-digest'] !== undefined) assert.deepEqual(kept, MAIL);
  };
  await fc.assert(fc.asyncProperty(headers, bodies, check), { numRuns: 1500 });
  assert.ok(promised > 50, `${promised} were promised`);
});

test('a part with any number, any headers and any body', async () => {
  let staged = 0;
  const number = fc.oneof(fc.constantFrom('1', '100', '101', '0', '01', '1e1', ' 1', '-1'), fc.string());
  const check = async (n: string, changes: Record<string, string>, bytes: Uint8Array) => {
    const { options } = intake();
    const found = await status(() => putPart(options, caller, newMessageId(), request({ n }, changes, bytes)));
    if (found !== 200) return;
    staged++;
    assert.ok(/^[1-9]\d{0,2}$/.test(n) && Number(n) <= 100, n);
  };
  await fc.assert(fc.asyncProperty(number, headers, bodies, check), { numRuns: 1000 });
  assert.ok(staged > 20, `${staged} were staged`);
});

test('a heartbeat of any name and any value', async () => {
  const spool = { count: 0, bytes: 0, oldestSeconds: 0 };
  const right = { v: 1, version: '1', uptimeSeconds: 1, spool, lastError: null, listeners: [], devices: [] };
  let heard = 0;
  const edges = { last: async () => undefined, note: async () => {} };
  const check = async (name: string, body: string) => {
    const beat = request({ name }, { 'content-type': 'application/json' }, Buffer.from(body));
    if ((await status(() => receiveHeartbeat({ settings, edges, events }, caller, beat))) !== 200) return;
    heard++;
    assert.match(name, /^[A-Za-z0-9._-]+$/);
  };
  const name = fc.oneof(fc.constant('plant-7'), fc.constant('__proto__'), fc.string());
  const changes = fc.dictionary(fc.constantFrom(...Object.keys(right), 'instance', '__proto__', 'x'), fc.jsonValue(), {
    maxKeys: 2,
  });
  const nearly = changes.map((some) => JSON.stringify({ ...right, ...some }));
  await fc.assert(fc.asyncProperty(name, fc.oneof(fc.string(), fc.json(), nearly), check), { numRuns: 1500 });
  assert.ok(heard > 20, `${heard} were heard`);
});
