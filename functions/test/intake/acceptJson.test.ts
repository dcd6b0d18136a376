// JSON is held in memory while it is read: how much of it, and who is told to wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { HttpRequest } from '@azure/functions';
import { newMessageId } from '../../contract/messageId.ts';
import { acceptJson } from '../../intake/acceptJson.ts';
import { Refusal } from '../../intake/problems.ts';
import { createRelayEvents } from '../../wiring/relayEvents.ts';
import { readSettings } from '../../wiring/settings.ts';
import { createMemoryQueues, createMemoryStore } from '../storage/memoryStore.ts';

const settings = readSettings({ MailStorage: 'x', GRAPH_CREDENTIAL: 'none', LARGE_MAIL: 'on' });
const caller = { name: 'app', keyHashes: [], applicationIds: [], senders: ['*'], recipients: ['*'] };
const events = createRelayEvents(() => {}, 'domain');
const MAIL = '{"from":"scan@contoso.com","to":"bob@contoso.com"}';

/** A request whose body comes when the test says so. */
function slowRequest(headers: Record<string, string> = {}) {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const request = { headers: new Headers(headers), body: readable } as unknown as HttpRequest;
  const options = { settings, store: createMemoryStore(), queues: createMemoryQueues(), events };
  const outcome = acceptJson(options, caller, newMessageId(), request).then(
    ({ state }) => state as string,
    (error: unknown) => {
      if (error instanceof Refusal) return error.problem as string;
      throw error;
    },
  );
  return {
    outcome,
    send: (bytes: Uint8Array) => writer.write(bytes),
    async end(bytes: Uint8Array) {
      await writer.write(bytes);
      await writer.close();
      return outcome;
    },
  };
}

const blanks = Buffer.alloc(40_000_000, ' ');
const mail = Buffer.from(MAIL);

test('what is in hand is bounded, whatever was announced, and is given back', async () => {
  const [one, two] = [slowRequest(), slowRequest()];
  await one.send(blanks);
  await two.send(blanks);
  const third = slowRequest();
  await third.send(blanks);
  assert.equal(await third.outcome, 'unavailable');
  const small = slowRequest();
  assert.equal(await small.end(mail), 'accepted', 'a small one still has room');
  assert.equal(await one.end(mail), 'accepted');
  assert.equal(await two.end(mail), 'accepted');
  const again = slowRequest();
  await again.send(blanks);
  assert.equal(await again.end(mail), 'accepted');
});

test('gzip hides nothing: bytes count as they are inflated', async () => {
  const [one, two] = [slowRequest(), slowRequest()];
  await one.send(blanks);
  await two.send(blanks);
  const zipped = slowRequest({ 'content-encoding': 'gzip' });
  await zipped.send(gzipSync(Buffer.concat([blanks, mail])));
  assert.equal(await zipped.outcome, 'unavailable');
  assert.deepEqual([await one.end(mail), await two.end(mail)], ['accepted', 'accepted']);
});

test('those who announce much and send nothing keep nobody out', async () => {
  const idle = Array.from({ length: 5 }, () => slowRequest({ 'content-length': '45000000' }));
  await Promise.all(idle.map(({ send }) => send(Buffer.from(' '))));
  const large = slowRequest();
  await large.send(blanks);
  assert.equal(await large.end(mail), 'accepted');
  const ended = await Promise.all(idle.map(({ end }) => end(mail)));
  assert.deepEqual(ended, Array(5).fill('bad-request'), 'they were shorter than announced');
});
