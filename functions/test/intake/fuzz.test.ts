// Whatever is posted, the answer is 202 or a 4xx problem: never a crash, never a 5xx, never a recipient nobody named.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpRequest } from '@azure/functions';
import fc from 'fast-check';
import { encodeEnvelope } from '../../contract/envelope.ts';
import { newMessageId } from '../../contract/messageId.ts';
import { acceptPost } from '../../intake/acceptRequest.ts';
import { PROBLEMS, Refusal } from '../../intake/problems.ts';
import { createRelayEvents } from '../../wiring/relayEvents.ts';
import { readSettings } from '../../wiring/settings.ts';
import { createMemoryQueues, createMemoryStore } from '../storage/memoryStore.ts';

const settings = readSettings({ MailStorage: 'x', GRAPH_CREDENTIAL: 'none', DEFAULT_SENDER: 'relay@contoso.com' });
const caller = { name: 'app', keyHashes: [], applicationIds: [], senders: ['*'], recipients: ['*@contoso.com'] };
const events = createRelayEvents(() => {}, 'domain');

/** The state that was made, or the status of the refusal. Anything else is thrown. */
async function post(headers: Record<string, string>, body: Uint8Array) {
  const store = createMemoryStore();
  const id = newMessageId();
  const request = new HttpRequest({
    method: 'POST',
    url: 'http://127.0.0.1/api/messages',
    headers,
    body: { bytes: body },
  });
  try {
    await acceptPost({ settings, store, queues: createMemoryQueues(), events }, caller, id, request);
  } catch (error) {
    assert.ok(error instanceof Refusal, String((error as Error).stack));
    const { status } = PROBLEMS[error.problem];
    assert.ok(status >= 400 && status < 500, error.message);
    assert.equal(store.states.size, 0);
    return { status };
  }
  const { record } = store.states.get(`app/${id}`)!;
  const mime = store.bodies.get(`app/${id}`)!.bytes.toString('latin1');
  return { status: 202, record, mime };
}

const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'bob@contoso.com',
    'Bob <bob@contoso.com>',
    'a@b\r\nBcc: c@d',
    '"x" <',
    'a@contoso.com, b@contoso.com',
    '日本@contoso.com',
  ),
);
const address = fc.oneof(nasty, fc.record({ address: nasty, name: nasty }, { requiredKeys: ['address'] }));
const addresses = fc.oneof(address, fc.array(address, { maxLength: 4 }));
const mail = fc.record(
  {
    from: address,
    to: addresses,
    cc: addresses,
    bcc: addresses,
    replyTo: addresses,
    subject: nasty,
    text: fc.string({ unit: 'binary' }),
    html: nasty,
    headers: fc.dictionary(fc.oneof(nasty, fc.constantFrom('X-A', 'References', 'bcc', '__proto__')), nasty),
    importance: fc.constantFrom('low', 'normal', 'high', 'urgent'),
    attachments: fc.array(
      fc.record(
        {
          name: nasty,
          contentType: fc.constantFrom('a/b', 'text/plain; charset="x"', 'x'),
          contentBase64: fc.oneof(nasty, fc.base64String()),
          contentId: nasty,
        },
        { requiredKeys: ['name', 'contentBase64'] },
      ),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: [] },
);
const json = { 'content-type': 'application/json' };

test('JSON: any text, any value, any mail', async () => {
  let accepted = 0;
  const check = async (text: string) => {
    const { status, record, mime } = await post(json, Buffer.from(text));
    if (status !== 202) return;
    accepted++;
    assert.ok(
      record!.to.every((to) => /^[^\s<>]+@contoso\.com$/i.test(to)),
      record!.to.join(),
    );
    const header = mime!.slice(0, mime!.indexOf('\r\n\r\n'));
    assert.doesNotMatch(header, /^bcc:/im, 'nothing smuggles a Bcc into the header');
  };
  await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), check), { numRuns: 200 });
  await fc.assert(fc.asyncProperty(fc.json(), check), { numRuns: 300 });
  await fc.assert(
    fc.asyncProperty(
      mail.map((value) => JSON.stringify(value)),
      check,
    ),
    { numRuns: 1500 },
  );
  const plain = fc.record({
    to: fc.constant('bob@contoso.com'),
    subject: fc.string(),
    text: fc.string({ unit: 'binary' }),
  });
  await fc.assert(
    fc.asyncProperty(
      plain.map((value) => JSON.stringify(value)),
      check,
    ),
    { numRuns: 300 },
  );
  assert.ok(accepted > 100, `${accepted} were accepted`);
});

test('envelopes: any text, any value, any nearly right one', async () => {
  const message = Buffer.from('From: scan@contoso.com\r\nTo: bob@contoso.com\r\n\r\nHello\r\n');
  let accepted = 0;
  const check = async (envelope: string) => {
    const headers = { 'content-type': 'message/rfc822', 'x-relay-envelope': envelope };
    const { status, record } = await post(headers, message);
    if (status !== 202) return;
    accepted++;
    assert.ok(
      record!.to.every((to) => /^[^\s<>]+@contoso\.com$/i.test(to)),
      record!.to.join(),
    );
  };
  const ascii = fc.string({ unit: 'grapheme-ascii' }).filter((text) => text === text.trim() && text !== '');
  await fc.assert(fc.asyncProperty(ascii, check), { numRuns: 300 });
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url') || 'x';
  await fc.assert(fc.asyncProperty(fc.jsonValue().map(encode), check), { numRuns: 500 });
  const nearly = fc.record(
    {
      v: fc.constantFrom(1, 1, 1, 2, '1'),
      from: nasty,
      to: fc.oneof(fc.array(fc.oneof(fc.constant('bob@contoso.com'), nasty), { maxLength: 4 }), nasty),
      receivedAt: fc.oneof(nasty, fc.constant('2026-11-23T12:00:00Z')),
      edge: nasty,
      client: fc.oneof(fc.constant(null), fc.dictionary(nasty, nasty)),
    },
    { requiredKeys: ['v', 'from', 'to'] },
  );
  await fc.assert(fc.asyncProperty(nearly.map(encode), check), { numRuns: 1000 });
  const client = { address: '', helo: '', user: '', tls: '' };
  const right = fc.tuple(fc.string({ unit: 'binary' }), fc.nat(20)).map(([helo, n]) =>
    encodeEnvelope({
      v: 1,
      from: '',
      to: Array(n + 1).fill('bob@contoso.com'),
      receivedAt: new Date().toISOString(),
      edge: '',
      client: { ...client, helo },
    }),
  );
  await fc.assert(fc.asyncProperty(right, check), { numRuns: 200 });
  assert.ok(accepted > 100, `${accepted} were accepted`);
});

test('raw messages: any bytes', async () => {
  const raw = { 'content-type': 'message/rfc822' };
  const check = async (bytes: Uint8Array): Promise<void> => void (await post(raw, bytes));
  const lines = fc.array(
    fc.oneof(nasty, fc.constantFrom('To: bob@contoso.com', 'From: a@contoso.com', 'Bcc: x@y', '')),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), (bytes) => check(bytes)),
    { numRuns: 500 },
  );
  await fc.assert(
    fc.asyncProperty(lines, (text) => check(Buffer.from(text.join('\r\n')))),
    { numRuns: 1000 },
  );
});
