// Whatever a client sends, the edge answers or hangs up, and goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFakeRelay } from '../support/fakeRelay.ts';
import { runEdge, temporaryDirectory } from '../support/runEdge.ts';
import { connectRaw, sendMail } from '../support/smtpClient.ts';
import { writeCertificate } from '../support/testCertificate.ts';

const pieces = [
  'EHLO x\r\n',
  'HELO\r\n',
  'MAIL FROM:<a@b.example>\r\n',
  'MAIL FROM:<>\r\n',
  'RCPT TO:<c@d.example>\r\n',
  'RCPT TO:<',
  'DATA\r\n',
  'Subject: x\r\n\r\n',
  '.\r\n',
  '..\r\n',
  'QUIT\r\n',
  'RSET\r\n',
  'NOOP\r\n',
  'STARTTLS\r\n',
  'AUTH PLAIN\r\n',
  'AUTH LOGIN dXNlcg==\r\n',
  '*\r\n',
  'BDAT 5 LAST\r\n',
  'XCLIENT ADDR=1.2.3.4\r\n',
  'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
  'GET / HTTP/1.1\r\n',
  'VRFY x\r\n',
  '\r\n',
  '\n',
  '\0\0\0',
  '\x16\x03\x01',
  '\xff\xfe'.repeat(50),
  'A'.repeat(5000),
];

test('1,500 sessions of nonsense, cut anywhere, leave the edge as it was', async () => {
  const directory = temporaryDirectory();
  const relay = await startFakeRelay();
  const edge = await runEdge(relay.url, `${directory.path}/spool`, {
    listener: { tls: 'auto' },
    certificate: writeCertificate(directory.path),
    limits: { connectionsPerAddress: 0 },
  });
  let seed = 11;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const session = async () => {
    const client = await connectRaw(edge.port);
    for (let i = random(12); i >= 0; i--) {
      const text = pieces[random(pieces.length)]!;
      const cut = random(text.length + 1);
      client.write(Buffer.from(text.slice(0, cut), 'latin1'));
      if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve));
      client.write(Buffer.from(text.slice(cut), 'latin1'));
    }
    if (random(2) === 0) client.destroy();
    else client.socket.end();
    await client.closed;
  };
  for (let i = 0; i < 30; i++) await Promise.all(Array.from({ length: 50 }, session));
  assert.equal((await sendMail(edge.port)).code, 250);
  assert.equal(edge.seen('edge.error').length, 0);
  await edge.stop();
  await relay.close();
  directory.remove();
});
