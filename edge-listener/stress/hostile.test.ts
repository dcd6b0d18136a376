// Two hundred clients that mean harm, and one that has a page to send.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { hashPassword } from '../src/policy/passwordHash.ts';
import { type FakeRelay, startFakeRelay } from '../test/support/fakeRelay.ts';
import { runEdge, type TestEdge, temporaryDirectory } from '../test/support/runEdge.ts';
import { sendMail } from '../test/support/smtpClient.ts';
import { writeCertificate } from '../test/support/testCertificate.ts';

const directory = temporaryDirectory();
let relay: FakeRelay;
let edge: TestEdge;
const stops: (() => void)[] = [];

before(async () => {
  relay = await startFakeRelay();
  edge = await runEdge(relay.url, `${directory.path}/spool`, {
    listener: { tls: 'auto', auth: 'optional', authBeforeTls: true },
    certificate: writeCertificate(directory.path),
    users: [{ name: 'u', passwordHash: await hashPassword('right') }],
    limits: { connectionsPerAddress: 0 },
    maxMessageBytes: 1_000_000,
  });
});
after(async () => {
  for (const stop of stops) stop();
  await edge.stop();
  await relay.close();
  directory.remove();
});

/** Connects, again and again, and does `harm` to each connection. */
function attack(harm: (socket: net.Socket) => void): void {
  let stopped = false;
  let socket: net.Socket | undefined;
  const again = () => {
    if (stopped) return;
    socket = net.connect(edge.port, '127.0.0.1', () => harm(socket!));
    socket.on('error', () => undefined); // being thrown out is what it is here for
    socket.on('data', () => undefined);
    socket.on('close', () => setTimeout(again, 50));
  };
  stops.push(() => {
    stopped = true;
    socket?.destroy();
  });
  again();
}

function every(ms: number, socket: net.Socket, what: () => void): void {
  const timer = setInterval(what, ms);
  socket.on('close', () => clearInterval(timer));
}

const hello = 'EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\n';
const attacks: Record<string, (socket: net.Socket) => void> = {
  'trickles a command': (socket) => every(200, socket, () => socket.write('N')),
  'trickles a message': (socket) => {
    socket.write(`${hello}DATA\r\n`);
    every(200, socket, () => socket.write('x'));
  },
  'sends dots': (socket) => {
    socket.write(`${hello}DATA\r\n`);
    every(100, socket, () => socket.write('..\r\n'.repeat(2000)));
  },
  'guesses passwords': (socket) => {
    socket.write('EHLO x\r\n');
    every(50, socket, () => socket.write(`AUTH PLAIN ${Buffer.from(`\0u\0${Math.random()}`).toString('base64')}\r\n`));
  },
  'names 100,000 recipients': (socket) => {
    socket.write(hello);
    every(300, socket, () => socket.write('RCPT TO:<a@b.example>\r\n'.repeat(1000)));
  },
  'sends too much': (socket) => {
    socket.write(`${hello}DATA\r\n`);
    every(250, socket, () => socket.write('x'.repeat(100_000)));
  },
  'speaks garbage for TLS': (socket) =>
    socket.write(Buffer.from(Array.from({ length: 500 }, (_, i) => (i === 0 ? 0x16 : i % 256)))),
  'speaks garbage after STARTTLS': (socket) => {
    socket.write('EHLO x\r\nSTARTTLS\r\n');
    every(100, socket, () => socket.write(Buffer.alloc(300, 0x17)));
  },
  'sends a line without end': (socket) => every(100, socket, () => socket.write('A'.repeat(1000))),
  'connects and says nothing': () => undefined,
};

test('under 200 hostile connections a well-behaved client gets every 250 within five seconds', async () => {
  const harms = Object.values(attacks);
  for (let i = 0; i < 200; i++) attack(harms[i % harms.length]!);
  const end = performance.now() + 12_000;
  let slowest = 0;
  let sent = 0;
  while (performance.now() < end) {
    const started = performance.now();
    assert.equal((await sendMail(edge.port, { data: `Subject: ${sent}\r\n\r\nx\r\n` })).code, 250);
    slowest = Math.max(slowest, performance.now() - started);
    sent++;
  }
  assert.ok(slowest < 5000, `the slowest took ${slowest} ms`);
  assert.ok(sent > 5, `${sent} were sent`);
  assert.equal(edge.seen('edge.error').length, 0);
  for (const name of ['edge.loginFailed', 'edge.clientGone'] as const) assert.ok(edge.seen(name).length > 0, name);
});
