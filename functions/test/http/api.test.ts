// The API as applications and edges use it: JSON, gzip, parts, callers with rules, heartbeats, health.
import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { newMessageId } from '../../contract/messageId.ts';
import {
  aMessage,
  anEnvelope,
  assertProblem,
  caller,
  digestOf,
  eventually,
  type Headers,
  sandbox,
} from './requests.ts';
import { type RunningRelay, startRelay } from './runningRelay.ts';
import { callerSettings } from './testCallers.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

let relay: RunningRelay;
let graph: ReturnType<typeof sandbox>;
const as = (key?: string) => caller(relay, key);
before(async () => {
  relay = await startRelay({ ...callerSettings(), LARGE_MAIL: 'on', MAX_MESSAGE_BYTES: '35000000' });
  graph = sandbox(relay);
});
after(() => relay?.stop());

const postJson = (mail: unknown, headers: Headers = {}, key?: string) =>
  as(key).post(JSON.stringify(mail), { ...JSON_TYPE, ...headers });

/** What the receiver gets of a mail that was just accepted. */
async function received(id: string) {
  await as().until(id, 'sent');
  const found = (await graph.messages()).filter(({ messageId }) => messageId.includes(id));
  assert.equal(found.length, 1);
  return found[0]!;
}

test('a mail posted as JSON arrives with all that was in it', async () => {
  const pdf = randomBytes(5000);
  const png = randomBytes(700);
  const answer = await postJson({
    from: 'Scan Station <scan@contoso.com>',
    to: ['Bob <bob@contoso.com>', { address: 'eve@contoso.com', name: 'Eve, née Ünal' }],
    cc: 'carl@contoso.com, dora@contoso.com',
    bcc: ['secret@contoso.com'],
    replyTo: 'desk@contoso.com',
    subject: 'Rechnung – 請求書',
    text: 'Grüße\n',
    html: '<p>Grüße <img src="cid:logo@x"></p>',
    headers: { 'X-Invoice': '4711', 'Disposition-Notification-To': 'scan@contoso.com' },
    importance: 'high',
    attachments: [
      { name: 'Rechnung – 1.pdf', contentType: 'application/pdf', contentBase64: pdf.toString('base64') },
      { name: 'logo.png', contentType: 'image/png', contentBase64: png.toString('base64'), contentId: 'logo@x' },
    ],
  });
  assert.equal(answer.status, 202, answer.text);
  assert.equal(answer.headers.get('location'), `/api/messages/${answer.json.id}`);
  const mail = await received(answer.json.id);
  assert.equal(mail.mailbox, 'scan@contoso.com');
  assert.deepEqual(mail.to, ['bob@contoso.com', 'eve@contoso.com']);
  assert.deepEqual(mail.cc, ['carl@contoso.com', 'dora@contoso.com']);
  assert.deepEqual(mail.bcc, ['secret@contoso.com']);
  assert.deepEqual(mail.replyTo, ['desk@contoso.com']);
  assert.equal(mail.subject, 'Rechnung – 請求書');
  assert.match(mail.text, /^Grüße\s*$/);
  assert.match(mail.html, /cid:logo@x/);
  const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const shown = mail.attachments.map(({ name, contentType, sha256, inline }) => [name, contentType, sha256, inline]);
  assert.deepEqual(
    shown.sort(),
    [
      ['Rechnung – 1.pdf', 'application/pdf', sha(pdf), false],
      ['logo.png', 'image/png', sha(png), true],
    ].sort(),
  );
  const mime = await graph.mime(mail.id);
  assert.match(mime, /^X-Invoice: 4711\r$/m);
  assert.match(mime, /^Disposition-Notification-To: scan@contoso\.com\r$/m);
  assert.match(mime, /^Importance: high\r$/im);
});

test('the least that can be posted: a recipient; the default sender sends', async () => {
  const { json } = await postJson({ to: 'bob@contoso.com' });
  assert.equal((await received(json.id)).mailbox, 'relay@contoso.com');
});

test('the same Idempotency-Key sends once; with another mail it is a conflict', async () => {
  const key = { 'idempotency-key': randomUUID() };
  const mail = { from: 'scan@contoso.com', to: 'bob@contoso.com', text: 'once' };
  const answers = await Promise.all([postJson(mail, key), postJson(mail, key), postJson(mail, key)]);
  assert.deepEqual(new Set(answers.map(({ status, json }) => `${status} ${json.id}`)).size, 1);
  assert.equal(answers[0]!.json.id, key['idempotency-key']);
  assertProblem(await postJson({ ...mail, text: 'other' }, key), 409, 'conflict');
  await received(answers[0]!.json.id);
  assertProblem(await postJson(mail, { 'idempotency-key': 'again' }), 400, 'bad-request');
});

for (const [what, mail, field] of [
  ['no recipients', { from: 'scan@contoso.com' }, 'to'],
  ['an address that is none', { to: ['bob@contoso.com', 'bob'] }, 'to[1]'],
  ['an address outside ASCII', { to: '日本@contoso.com' }, 'to'],
  ['two senders', { from: 'a@contoso.com, b@contoso.com', to: 'bob@contoso.com' }, 'from'],
  ['a line break in the subject', { to: 'bob@contoso.com', subject: 'x\r\nBcc: eve@contoso.com' }, 'subject'],
  ['a line break in a header', { to: 'bob@contoso.com', headers: { 'X-A': 'x\r\nBcc: e@contoso.com' } }, 'headers.X-A'],
  ['a header that decides who gets it', { to: 'bob@contoso.com', headers: { Bcc: 'e@contoso.com' } }, 'headers["Bcc"]'],
  [
    'a header name with a colon',
    { to: 'bob@contoso.com', headers: { 'X-A: b\r\nBcc': 'x' } },
    'headers["X-A: b\\r\\nBcc"]',
  ],
  ['a line break in a name', { to: { address: 'bob@contoso.com', name: 'x\r\nBcc: e@contoso.com' } }, 'to.name'],
  ['an attachment that is not base64', attached({ contentBase64: 'a*b' }), 'attachments[0].contentBase64'],
  ['a media type with a line break', attached({ contentType: 'a/b\r\nX-A: b' }), 'attachments[0].contentType'],
  ['a file to be read', attached({ path: '/etc/passwd' }), 'attachments[0]'],
  ['a URL to be fetched', attached({ href: 'http://169.254.169.254/' }), 'attachments[0]'],
  ['text that is an object', { to: 'bob@contoso.com', text: { path: '/etc/passwd' } }, 'text'],
  ['a field nobody knows', { to: 'bob@contoso.com', raw: 'x' }, 'body'],
] as [string, object, string][])
  test(`JSON with ${what} is refused with 422, and the field is named`, async () => {
    const { errors } = assertProblem(await postJson(mail), 422, 'unprocessable-message');
    assert.ok(
      errors.some((error: { field: string }) => error.field === field),
      JSON.stringify(errors),
    );
  });

function attached(changes: object): object {
  const attachment = { name: 'a', contentType: 'text/plain', contentBase64: '', ...changes };
  return { to: 'bob@contoso.com', attachments: [attachment] };
}

test('a file name is only ever a name, whatever path stands before it', async () => {
  const names = ['../../example/MyFile.txt', 'php://foo', 'Outlook-Icon\n\nDesc.png', 'C:\\temp\\..\\scan.pdf', '..'];
  const attachments = names.map((name) => ({ name, contentBase64: 'eA==' }));
  const { json } = await postJson({ from: 'scan@contoso.com', to: 'bob@contoso.com', attachments });
  const shown = (await received(json.id)).attachments.map(({ name }) => name);
  assert.deepEqual(shown, ['MyFile.txt', 'foo', 'Outlook-Icon Desc.png', 'scan.pdf', '..']);
});

test('what is no JSON is refused with 400, and nothing of it is repeated', async () => {
  const answer = await as().post('{"to": "secret@contoso.com", nonsense', JSON_TYPE);
  assert.doesNotMatch(assertProblem(answer, 400, 'bad-request').detail, /secret|nonsense/);
  assertProblem(await as().post(Buffer.from([0x22, 0xff, 0x22]), JSON_TYPE), 400, 'bad-request');
});

test('a message posted as it is goes to all in To, Cc and Bcc, and Bcc does not show', async () => {
  const message = Buffer.from(
    'From: scan@contoso.com\r\nTo: bob@contoso.com\r\nBcc: eve@contoso.com\r\nMessage-ID: <raw-post@contoso.com>\r\n\r\nHello\n',
  );
  const { json, status } = await as().post(message);
  assert.equal(status, 202);
  await as().until(json.id, 'sent');
  const [mail] = await graph.copiesOf(message);
  assert.deepEqual([mail?.to, mail?.bcc], [['bob@contoso.com'], ['eve@contoso.com']]);
  const bad = Buffer.from('From: scan@contoso.com\r\nTo: nobody in particular\r\n\r\nHello\r\n');
  assertProblem(await as().post(bad), 422, 'unprocessable-message');
});

test('a body may come as gzip; its digest is over what was sent; the mail is the same mail', async () => {
  const [id, message] = [newMessageId(), aMessage({ body: 'Hello\r\n'.repeat(50_000) })];
  const packed = gzipSync(message);
  const gzip = { 'content-encoding': 'gzip' };
  assertProblem(await as().put(id, packed, { ...gzip, 'content-digest': digestOf(message) }), 400, 'bad-request');
  assert.equal((await as().put(id, packed, gzip)).status, 202);
  assert.equal((await relay.store.readState({ caller: 'local', id }))?.record.size, message.length);
  assert.equal((await as().put(id, message)).status, 202);
  assertProblem(await as().put(id, aMessage()), 409, 'conflict');
});

test('gzip that is torn, none, or inflates beyond the limit is refused', async () => {
  const gzip = { 'content-encoding': 'gzip' };
  const put = (body: Uint8Array, key?: string) => as(key).put(newMessageId(), body, gzip);
  const packed = gzipSync(aMessage({ body: randomBytes(3000).toString('hex') }));
  assertProblem(await put(packed.subarray(0, -9)), 400, 'bad-request');
  assertProblem(await put(aMessage()), 400, 'bad-request');
  assertProblem(await put(gzipSync(aMessage({ body: 'x'.repeat(40_000_000) }))), 413, 'message-too-large');
  assertProblem(await put(gzipSync(aMessage({ body: 'x'.repeat(6000) })), 'small-key'), 413, 'message-too-large');
  assertProblem(await as().put(newMessageId(), packed, { 'content-encoding': 'br' }), 415, 'unsupported-media-type');
});

/** The parts of a message and the headers that commit them. */
function inParts(message: Buffer, bytes: number) {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += bytes) parts.push(message.subarray(at, at + bytes));
  const hex = parts.map((part) => createHash('sha256').update(part).digest('hex'));
  const whole = { 'x-relay-parts': hex.join(', '), 'repr-digest': digestOf(message) };
  return { parts, hex, whole };
}

const octets = (part: Uint8Array): Headers => ({
  'content-type': 'application/octet-stream',
  'content-digest': digestOf(part),
});
const putPart = (id: string, n: number, part: Buffer, headers: Headers = octets(part)) =>
  as().request('PUT', `/api/messages/${id}/parts/${n}`, headers, part as Buffer<ArrayBuffer>);

test('a message uploaded in parts is resumed, committed once, and is the same message', async () => {
  const [id, message] = [newMessageId(), aMessage({ body: `${randomBytes(400_000).toString('base64')}\r\n` })];
  const { parts, hex, whole } = inParts(message, 200_000);
  const commit = (headers: Headers = {}) => as().put(id, Buffer.alloc(0), { ...whole, ...headers });
  assert.deepEqual((await as().request('GET', `/api/messages/${id}/parts`)).json, { id, parts: [] });
  // The third comes first and packed, the second with other bytes at first, the first is forgotten.
  const packed = gzipSync(parts[2]!);
  const third = await putPart(id, 3, packed, { ...octets(packed), 'content-encoding': 'gzip' });
  assert.deepEqual(third.json, { n: 3, bytes: parts[2]!.length, sha256: hex[2] });
  await putPart(id, 2, Buffer.from('other bytes'));
  await putPart(id, 2, parts[1]!);
  assert.deepEqual(assertProblem(await commit(), 404, 'parts-missing').missing, [1]);
  const { json: staged } = await as().request('GET', `/api/messages/${id}/parts`);
  assert.ok(staged.parts.some(({ n, sha256 }: { n: number; sha256: string }) => n === 2 && sha256 === hex[1]));
  await putPart(id, 1, parts[0]!);
  assert.deepEqual(assertProblem(await as().get(id), 404, 'not-found').status, 404);
  assert.equal((await commit()).status, 202);
  await as().until(id, 'sent');
  const copies = await graph.copiesOf(message);
  assert.equal(copies.length, 1);
  assert.ok((await graph.mime(copies[0]!.id)).endsWith(message.toString()), 'only a Date is added, at the top');
  // The answer was lost: the parts are gone, the mail is known.
  assert.deepEqual((await commit()).json, { id, state: 'sent' });
  assertProblem(await commit({ 'x-relay-envelope': anEnvelope(['eve@contoso.com']) }), 404, 'parts-missing');
  assert.deepEqual((await as().put(id, message)).json, { id, state: 'sent' });
});

test('parts that do not make the promised message are refused, and nothing is left of them', async () => {
  const [id, message] = [newMessageId(), aMessage()];
  const { parts, whole } = inParts(message, 100);
  for (const [i, part] of parts.entries()) await putPart(id, i + 1, part);
  const commit = (headers: Headers) => as().put(id, Buffer.alloc(0), { ...whole, ...headers });
  assertProblem(await commit({ 'repr-digest': undefined }), 400, 'bad-request');
  assertProblem(await commit({ 'x-relay-parts': '1, 2' }), 400, 'bad-request');
  assertProblem(await commit({ 'x-relay-envelope': undefined }), 400, 'bad-request');
  assertProblem(await as().put(id, message, whole), 400, 'bad-request');
  assertProblem(await commit({ 'repr-digest': digestOf(Buffer.from('x')) }), 400, 'bad-request');
  assert.deepEqual((await as().request('GET', `/api/messages/${id}/parts`)).json.parts, []);
  for (const n of [0, 101, -1, 1.5, 'x']) assertProblem(await putPart(id, n as number, message), 400, 'bad-request');
  const long = Buffer.alloc(8 * 1024 * 1024 + 1);
  assertProblem(await putPart(id, 1, long), 413, 'message-too-large');
  assertProblem(await putPart(id, 1, Buffer.alloc(0)), 400, 'bad-request');
  for await (const blob of relay.blobs.getContainerClient('mail').listBlobsFlat({ prefix: `local/${id}` }))
    assert.fail(blob.name);
});

test("a caller's ids are its own: nobody else's can be asked for, retried or overwritten", async () => {
  const [id, mine, theirs] = [newMessageId(), aMessage(), aMessage()];
  assert.equal((await as('erp-key').put(id, mine)).status, 202);
  assertProblem(await as('other-key').get(id), 404, 'not-found');
  assertProblem(await as('other-key').retry(id), 404, 'not-found');
  assert.equal((await as('other-key').put(id, theirs)).status, 202);
  await as('erp-key').until(id, 'sent');
  await as('other-key').until(id, 'sent');
  assert.equal((await graph.copiesOf(mine)).length, 1);
  assert.equal((await graph.copiesOf(theirs)).length, 1);
});

test('a caller sends only as, and only to, what its rules give it, whatever the envelope says', async () => {
  const forged = aMessage({ from: 'ceo@fabrikam.com' });
  const put = (message: Buffer, envelope = anEnvelope(), key = 'erp-key') =>
    as(key).put(newMessageId(), message, { 'x-relay-envelope': envelope });
  assert.deepEqual(assertProblem(await put(forged), 403, 'sender-refused').addresses, ['ceo@fabrikam.com']);
  assertProblem(await put(aMessage(), anEnvelope(), 'powerless-key'), 403, 'sender-refused');
  const outside = await put(aMessage(), anEnvelope(['bob@contoso.com', 'x@evil.example']));
  assert.deepEqual(assertProblem(outside, 422, 'recipient-refused').addresses, ['x@evil.example']);
  const asOther = { from: 'ceo@fabrikam.com', to: 'bob@contoso.com' };
  assertProblem(await postJson(asOther, {}, 'erp-key'), 403, 'sender-refused');
});

test('while a key is rotated the old and the new one work', async () => {
  assert.equal((await as('erp-key').put(newMessageId(), aMessage())).status, 202);
  assert.equal((await as('erp-new-key').put(newMessageId(), aMessage())).status, 202);
});

test('a caller with a rate is told to wait, and how long; others are not', async () => {
  const put = (key: string) => as(key).put(newMessageId(), aMessage());
  assert.equal((await put('hasty-key')).status, 202);
  assert.equal((await put('hasty-key')).status, 202);
  const answer = await put('hasty-key');
  assertProblem(answer, 429, 'rate-limited');
  const seconds = Number(answer.headers.get('retry-after'));
  assert.ok(seconds >= 20 && seconds <= 30, String(seconds));
  assert.equal((await put('erp-key')).status, 202);
});

test('a caller with a size of its own gets 413 above it', async () => {
  const body = 'x'.repeat(6000);
  const answer = await as('small-key').put(newMessageId(), aMessage({ body }));
  assert.equal(assertProblem(answer, 413, 'message-too-large').maxMessageBytes, 5000);
  const text = await postJson({ from: 'scan@contoso.com', to: 'bob@contoso.com', text: body }, {}, 'small-key');
  assertProblem(text, 413, 'message-too-large');
});

const beat = (changes: object = {}) => ({
  v: 1,
  version: '0.1.0',
  instance: '44444444-4444-4444-8444-444444444444',
  uptimeSeconds: 17,
  spool: { count: 1, bytes: 2048, oldestSeconds: 3 },
  lastError: null,
  listeners: [{ address: '0.0.0.0', port: 25, tls: 'starttls', certificateExpires: '2027-01-01T00:00:00Z' }],
  devices: [
    { address: '192.0.2.7', accepted: 3, rejected: 0, bytes: 9, lastSeen: '2026-11-23T12:00:00Z', tls: '', user: '' },
  ],
  ...changes,
});
const heartbeat = (name: string, body: unknown, headers: Headers = {}, key?: string) =>
  as(key).request('PUT', `/api/edges/${name}`, { ...JSON_TYPE, ...headers }, JSON.stringify(body));

test('a heartbeat becomes an event, and the edge learns what it may send', async () => {
  const answer = await heartbeat('plant-7', { ...beat(), fromTheFuture: true }, {}, 'small-key');
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.v, 1);
  assert.equal(answer.json.maxMessageBytes, 5000);
  assert.ok(Math.abs(Date.parse(answer.json.now) - Date.now()) < 60_000);
  const event = await eventually('the event is in the log', async () => {
    const line = (await relay.workerLog()).split('\n').find((text) => text.includes('"edge.heartbeat"'));
    return line && JSON.parse(line.slice(line.indexOf('{')));
  });
  assert.equal(event.edge, 'plant-7');
  assert.equal(event.spoolBytes, 2048);
  assert.equal(event.certificateExpires, '2027-01-01T00:00:00Z');
  assert.equal(JSON.parse(event.devices)[0].address, '192.0.2.7');
});

test('two edges under one name: the second is told; under different names, or of different callers, both are fine', async () => {
  const second = beat({ instance: '55555555-5555-4555-8555-555555555555' });
  assert.equal((await heartbeat('plant-8', beat())).status, 200);
  assert.equal((await heartbeat('plant-8', beat())).status, 200);
  assertProblem(await heartbeat('plant-8', second), 409, 'edge-name-taken');
  assert.equal((await heartbeat('plant-9', second)).status, 200);
  assert.equal((await heartbeat('plant-8', second, {}, 'erp-key')).status, 200);
  assert.equal((await heartbeat('plant-8', beat({ instance: undefined }))).status, 200);
});

test('a heartbeat that is none, or too large, is refused', async () => {
  assertProblem(await heartbeat('plant-7', { v: 1 }), 400, 'bad-request');
  assertProblem(await heartbeat('..%2fx', beat()), 400, 'bad-request');
  assertProblem(await heartbeat('plant-7', beat({ lastError: 'x'.repeat(300_000) })), 413, 'message-too-large');
  assertProblem(await heartbeat('plant-7', beat(), { 'content-type': 'text/plain' }), 415, 'unsupported-media-type');
  assertProblem(await heartbeat('plant-7', beat(), { authorization: undefined }), 401, 'unauthorized');
});

test('health tells callers how the relay is, and strangers only whether it is', async () => {
  const full = await as().request('GET', '/api/health');
  assert.equal(full.status, 200);
  const { status, queue, delivery, problems } = full.json;
  assert.deepEqual([status, delivery, problems], ['ok', 'on', []]);
  assert.deepEqual(Object.keys(queue), ['length', 'oldestSeconds']);
  for (const authorization of [undefined, 'Bearer wrong'])
    assert.deepEqual((await as().request('GET', '/api/health', { authorization })).json, { status: 'ok' });
});

test('of many small posts at a time none goes without an answer, and each mail arrives once', async () => {
  const [count, parallel] = [300, 30];
  const ids: string[] = [];
  let next = 0;
  const before = (await graph.messages()).length;
  const client = async () => {
    while (next < count) {
      const n = next++;
      const mail = { from: `many-${n % 20}@contoso.com`, to: 'bob@contoso.com', subject: `Many ${n}` };
      const { status, json } = await postJson(mail);
      assert.equal(status, 202);
      ids.push(json.id);
    }
  };
  await Promise.all(Array.from({ length: parallel }, client));
  assert.equal(new Set(ids).size, count);
  const subjects = await eventually(
    'all have arrived',
    async () => {
      const all = (await graph.messages()).slice(before).map(({ subject }) => subject);
      const many = all.filter((subject) => subject.startsWith('Many '));
      return many.length >= count ? many : undefined;
    },
    60_000,
  );
  assert.equal(new Set(subjects).size, count);
  assert.equal(subjects.length, count);
});
