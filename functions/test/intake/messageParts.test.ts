// When the parts of a message are thrown away, and other ways a request may bring a message that it must not.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HttpRequest } from '@azure/functions';
import { newMessageId } from '../../contract/messageId.ts';
import { acceptPost, acceptPut } from '../../intake/acceptRequest.ts';
import { Refusal } from '../../intake/problems.ts';
import { createRelayEvents } from '../../wiring/relayEvents.ts';
import { readSettings } from '../../wiring/settings.ts';
import { anEnvelope } from '../http/requests.ts';
import { createMemoryParts } from '../storage/memoryParts.ts';
import { createMemoryQueues, createMemoryStore } from '../storage/memoryStore.ts';

const settings = readSettings({ MailStorage: 'x', GRAPH_CREDENTIAL: 'none' });
const caller = { name: 'app', keyHashes: [], applicationIds: [], senders: ['*@contoso.com'], recipients: ['*'] };
const events = createRelayEvents(() => {}, 'domain');
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes);
const aMail = (from: string) => Buffer.from(`From: ${from}\r\nTo: bob@contoso.com\r\n\r\nx`);

function intake() {
  const store = createMemoryStore();
  return { settings, store, queues: createMemoryQueues(), events, parts: createMemoryParts() };
}

function problem(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => {
      if (error instanceof Refusal) return error.problem;
      throw error;
    },
  );
}

/** The commit of a message that is staged as one part, and whether its part is still there afterwards. */
async function commit(message: Buffer, spoil: (options: ReturnType<typeof intake>) => ReturnType<typeof intake>) {
  const options = spoil(intake());
  const id = newMessageId();
  const key = { caller: 'app', id };
  await options.parts.stage(key, 1, message);
  const headers = {
    'content-type': 'message/rfc822',
    'x-relay-envelope': anEnvelope(),
    'x-relay-parts': hash(message).digest('hex'),
    'repr-digest': `sha-256=:${hash(message).digest('base64')}:`,
  };
  const request = new HttpRequest({
    method: 'PUT',
    url: 'http://127.0.0.1/',
    headers,
    body: { bytes: Buffer.alloc(0) },
  });
  const outcome = await problem(acceptPut(options, caller, id, request));
  return { outcome, staged: (await options.parts.list(key)).length };
}

test('parts go with the promise and with a verdict, and stay when the same commit may come again', async () => {
  assert.deepEqual(await commit(aMail('scan@contoso.com'), (options) => options), { outcome: 'none', staged: 0 });
  assert.deepEqual(await commit(aMail('ceo@fabrikam.com'), (options) => options), {
    outcome: 'sender-refused',
    staged: 0,
  });
  // Another attempt's body was there a moment ago, and is gone when one looks.
  const busy = await commit(aMail('scan@contoso.com'), (options) => ({
    ...options,
    store: {
      ...options.store,
      newBody: () => ({ write: async () => {}, commit: async () => false }),
      describeBody: async () => undefined,
    },
  }));
  assert.deepEqual(busy, { outcome: 'unavailable', staged: 1 });
});

function post(headers: Record<string, string>, body: string): Promise<string> {
  const request = new HttpRequest({ method: 'POST', url: 'http://127.0.0.1/', headers, body: { string: body } });
  return problem(acceptPost(intake(), caller, newMessageId(), request));
}

test('a message may name as many recipients as Exchange takes, in one list or another', async () => {
  const raw = { 'content-type': 'message/rfc822' };
  const list = (count: number, prefix = 'u') =>
    Array.from({ length: count }, (_, i) => `${prefix}${i}@contoso.com`).join(',\r\n ');
  const message = (to: string, bcc: string) => `From: scan@contoso.com\r\nTo: ${to}\r\nBcc: ${bcc}\r\n\r\nx`;
  assert.equal(await post(raw, message(list(400), list(100, 'v'))), 'none');
  assert.equal(await post(raw, message(list(400), list(400))), 'none', 'each counts once');
  assert.equal(await post(raw, message(list(400), list(101, 'v'))), 'unprocessable-message');
});

test('JSON beside an envelope is refused: nobody could say which of the two counts', async () => {
  const json = { 'content-type': 'application/json' };
  const mail = '{"from":"scan@contoso.com","to":"bob@contoso.com"}';
  assert.equal(await post(json, mail), 'none');
  assert.equal(await post({ ...json, 'x-relay-envelope': anEnvelope() }, mail), 'bad-request');
});
