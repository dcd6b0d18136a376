// The end of a message is CRLF . CRLF and nothing else, over a real socket, however the bytes are cut.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FakeRelay, startFakeRelay } from '../support/fakeRelay.ts';
import { notTheEnd } from '../support/notTheEnd.ts';
import { runEdge, type TestEdge, temporaryDirectory } from '../support/runEdge.ts';
import { greeted, type RawClient } from '../support/smtpClient.ts';

const directory = temporaryDirectory();
let relay: FakeRelay;
let edge: TestEdge;

before(async () => {
  relay = await startFakeRelay();
  edge = await runEdge(relay.url, directory.path);
});
after(async () => {
  await edge.stop();
  await relay.close();
  directory.remove();
});

let seed = 7;
function random(below: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

async function writeInPieces(client: RawClient, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length; ) {
    const to = from + 1 + random(6);
    client.write(bytes.subarray(from, to));
    if (random(2) === 0) await new Promise((resolve) => setImmediate(resolve));
    from = to;
  }
}

/** Sends these bytes in DATA, the end, and NOOP: exactly one message may be taken, and NOOP be answered next. */
async function sendOne(client: RawClient, text: string, inPieces: boolean): Promise<void> {
  for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) {
    const { code } = await client.say(line);
    assert.ok(code < 400, `${line}: ${code}`);
  }
  const bytes = Buffer.from(`Subject: x\r\n\r\n${text}\r\n.\r\nNOOP\r\n`, 'latin1');
  if (inPieces) await writeInPieces(client, bytes);
  else client.write(bytes);
  assert.match((await client.reply()).text, /^250 2\.6\.0 Kept/, JSON.stringify(text));
  assert.match((await client.reply()).text, /^250 2\.0\.0 OK/, JSON.stringify(text));
}

/** Ends the session; nothing but the answer to QUIT may be left. */
async function quit(client: RawClient): Promise<void> {
  assert.equal((await client.say('QUIT')).code, 221);
  await client.closed;
  await assert.rejects(client.reply(), /closed the connection; left: ""/);
}

for (const sequence of notTheEnd) {
  test(`${JSON.stringify(sequence)} does not end a message`, async () => {
    const taken = edge.seen('edge.accepted').length;
    const client = await greeted(edge.port);
    const text = `before${sequence}MAIL FROM:<smuggled@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nsmuggled`;
    await sendOne(client, text, false);
    await sendOne(client, text, true);
    await quit(client);
    assert.equal(edge.seen('edge.accepted').length, taken + 2);
    assert.equal(edge.seen('edge.rejected').length, 0);
  });
}

test('CRLF . CRLF ends a message, and what follows are commands', async () => {
  const client = await greeted(edge.port);
  for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.say(line);
  client.write('Subject: x\r\n\r\nfirst\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n');
  for (const code of [250, 250, 250, 354]) assert.equal((await client.reply()).code, code);
  assert.equal((await client.say('.')).code, 554);
  await quit(client);
});

/** Random text that holds no end of a message, also not together with what is around it. */
function randomText(): string {
  for (;;) {
    const text = Array.from({ length: 1 + random(16) }, () => '\r\n.a'[random(4)]).join('');
    if (`\r\n\r\n${text}\r\n.\r\n`.indexOf('\r\n.\r\n') === text.length + 4) return text;
  }
}

test('2,000 random messages, whole and in pieces, are 4,000 messages and nothing else', async () => {
  const taken = edge.seen('edge.accepted').length;
  const rejected = edge.seen('edge.rejected').length;
  const sendMany = async () => {
    const client = await greeted(edge.port);
    for (let i = 0; i < 100; i++) {
      const text = randomText();
      await sendOne(client, text, false);
      await sendOne(client, text, true);
    }
    await quit(client);
  };
  await Promise.all(Array.from({ length: 20 }, sendMany));
  assert.equal(edge.seen('edge.accepted').length, taken + 4000);
  assert.equal(edge.seen('edge.rejected').length, rejected);
  assert.equal(edge.seen('edge.repeated').length, 0);
});
