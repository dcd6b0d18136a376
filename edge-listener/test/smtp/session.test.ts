import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type FakeRelay, startFakeRelay } from '../support/fakeRelay.ts';
import { runEdge, type TestEdge, temporaryDirectory } from '../support/runEdge.ts';
import { connectRaw, sendMail } from '../support/smtpClient.ts';
import { until } from '../support/until.ts';

const directory = temporaryDirectory();
let relay: FakeRelay;
let edge: TestEdge;

before(async () => {
  relay = await startFakeRelay();
  edge = await runEdge(relay.url, directory.path, { maxMessageBytes: 200_000, limits: { connectionsPerAddress: 0 } });
});
after(async () => {
  await edge.stop();
  await relay.close();
  directory.remove();
});

async function nextTaken(count: number) {
  await until('the message reaches the function app', () => relay.taken.length >= count);
  return relay.taken.at(-1)!;
}

test('EHLO offers size, pipelining, 8-bit and status codes, and neither SMTPUTF8 nor DSN', async () => {
  const client = await connectRaw(edge.port);
  assert.match((await client.reply()).text, /^220 test-edge ESMTP/);
  const { text } = await client.say('EHLO device');
  for (const offer of ['SIZE 200000', 'PIPELINING', '8BITMIME', 'ENHANCEDSTATUSCODES'])
    assert.match(text, RegExp(offer));
  assert.doesNotMatch(text, /SMTPUTF8|DSN|AUTH|STARTTLS|REQUIRETLS/);
  client.destroy();
});

test('a message arrives with its envelope, and with every line end made CRLF', async () => {
  const count = relay.taken.length + 1;
  const reply = await sendMail(edge.port, {
    from: 'Printer@Example.com',
    to: ['a@example.com', 'b.@xn--mnchen-3ya.example'],
    data: 'Subject: x\nno cr\r\n.dot\r\nlone\rcr\r\n',
  });
  assert.match(reply.text, /^250 2\.6\.0 Kept as [0-9a-f-]{36}$/);
  const { body, envelope, headers, id } = await nextTaken(count);
  assert.equal(body.toString(), 'Subject: x\r\nno cr\r\n.dot\r\nlone\r\ncr\r\n');
  assert.equal(envelope.from, 'Printer@Example.com');
  assert.deepEqual(envelope.to, ['a@example.com', 'b.@xn--mnchen-3ya.example']);
  assert.equal(envelope.edge, 'test-edge');
  assert.deepEqual(envelope.client, { address: '127.0.0.1', helo: 'device', user: '', tls: '' });
  assert.ok(Math.abs(Date.parse(envelope.receivedAt) - Date.now()) < 10_000);
  assert.equal(headers['content-type'], 'message/rfc822');
  assert.equal(headers.traceparent?.slice(3, 35), id.replaceAll('-', ''));
});

test('two messages on one connection get two ids', async () => {
  const count = relay.taken.length + 2;
  const client = await connectRaw(edge.port);
  await client.reply();
  await client.say('EHLO x');
  const texts = [];
  for (const n of [1, 2]) {
    client.write(`MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n`);
    for (const code of [250, 250, 354]) assert.equal((await client.reply()).code, code);
    texts.push((await client.say(`Subject: ${n}\r\n\r\n.`)).text);
  }
  assert.notEqual(texts[0], texts[1]);
  await nextTaken(count);
  client.destroy();
});

test('the null sender is taken', async () => {
  const count = relay.taken.length + 1;
  assert.equal((await sendMail(edge.port, { from: '' })).code, 250);
  assert.equal((await nextTaken(count)).envelope.from, '');
});

test('an empty message is refused', async () => {
  assert.match((await sendMail(edge.port, { data: '' })).text, /^554 5\.6\.0 /);
});

test('a declared size over the limit is refused before the message, an undeclared one after it', async () => {
  const client = await connectRaw(edge.port);
  await client.reply();
  await client.say('EHLO x');
  assert.match((await client.say('MAIL FROM:<a@b.example> SIZE=200001')).text, /^552 5\.3\.4 /);
  client.destroy();
  assert.match((await sendMail(edge.port, { data: `${'x'.repeat(200_001)}\r\n` })).text, /^552 5\.3\.4 /);
  assert.equal((await sendMail(edge.port)).code, 250);
});

test('a client that never stops sending is cut off', async () => {
  const client = await connectRaw(edge.port);
  await client.reply();
  for (const line of ['EHLO x', 'MAIL FROM:<a@b.example>', 'RCPT TO:<a@b.example>', 'DATA']) await client.say(line);
  const flood = setInterval(() => client.write('x'.repeat(100_000)), 1);
  await client.closed;
  clearInterval(flood);
});

test('the recipient that would overflow the envelope is answered 452 4.5.3, the ones before it are kept', async () => {
  const count = relay.taken.length + 1;
  const client = await connectRaw(edge.port);
  await client.reply();
  await client.say('EHLO x');
  await client.say('MAIL FROM:<a@b.example>');
  let kept = 0;
  for (;;) {
    const reply = await client.say(`RCPT TO:<recipient-number-${kept}@a-rather-long-domain.example>`);
    if (reply.code !== 250) {
      assert.match(reply.text, /^452 4\.5\.3 /);
      break;
    }
    kept++;
  }
  assert.ok(kept > 90, `${kept} recipients`);
  await client.say('DATA');
  assert.equal((await client.say('Subject: many\r\n\r\n.')).code, 250);
  const { envelope, headers } = await nextTaken(count);
  assert.equal(envelope.to.length, kept);
  assert.ok(String(headers['x-relay-envelope']).length <= 8000);
  client.destroy();
});

test('addresses that cannot be are refused one by one', async () => {
  const client = await connectRaw(edge.port);
  await client.reply();
  await client.say('EHLO x');
  await client.say('MAIL FROM:<a@b.example>');
  for (const bad of [
    '<a@b@c.example>',
    '<a b@c.example>',
    '<a@>',
    '<@c.example>',
    '<a\u00fc@c.example>',
    '<a,b@c.example>',
  ]) {
    const { code } = await client.say(`RCPT TO:${bad}`);
    assert.ok(code === 501 || code === 553, `${bad}: ${code}`);
  }
  assert.equal((await client.say('RCPT TO:<ok@c.example>')).code, 250);
  client.destroy();
});

test('a client that goes away in the middle of a message leaves nothing behind', async () => {
  const taken = relay.taken.length;
  const gone = edge.seen('edge.clientGone').length;
  const client = await connectRaw(edge.port);
  await client.reply();
  for (const line of ['EHLO x', 'MAIL FROM:<a@b.example>', 'RCPT TO:<a@b.example>', 'DATA']) await client.say(line);
  client.write(`Subject: half\r\n\r\n${'half of it\r\n'.repeat(10_000)}`);
  client.destroy();
  await until('the edge notices', () => edge.seen('edge.clientGone').length > gone);
  assert.deepEqual(readdirSync(join(edge.spool, 'incoming')), []);
  assert.equal(relay.taken.length, taken);
});

test('a half-closed connection before the final dot promises nothing', async () => {
  const gone = edge.seen('edge.clientGone').length;
  const client = await connectRaw(edge.port);
  await client.reply();
  for (const line of ['EHLO x', 'MAIL FROM:<a@b.example>', 'RCPT TO:<a@b.example>', 'DATA']) await client.say(line);
  client.socket.end('Subject: half\r\n\r\nhalf of it\r\n');
  await until('the edge notices', () => edge.seen('edge.clientGone').length > gone);
});

test('the banner does not wait', async () => {
  const started = performance.now();
  for (let i = 0; i < 10; i++) {
    const client = await connectRaw(edge.port);
    await client.reply();
    client.destroy();
  }
  assert.ok(performance.now() - started < 600, `${performance.now() - started} ms for ten`);
});
