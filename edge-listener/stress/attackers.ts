// Those that mean harm, in a thread of their own: two hundred with a plan, the others with random nonsense.
import net from 'node:net';
import { workerData } from 'node:worker_threads';

/** What a thread of attackers is given. */
export interface AttackPlan {
  readonly port: number;
  readonly seed: number;
}

const { port, seed: first } = workerData as AttackPlan;
let seed = first;

function random(below: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

/** Connects, again and again, and does `harm` to each connection. */
function attack(harm: (socket: net.Socket) => void): void {
  const again = () => {
    const socket = net.connect(port, '127.0.0.1', () => harm(socket));
    socket.on('error', () => undefined); // being thrown out is what it is here for
    socket.on('data', () => undefined);
    socket.on('close', () => setTimeout(again, 50));
  };
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

/** A session of random commands, cut anywhere, with random bytes in between; ended in one of three ways. */
function nonsense(socket: net.Socket): void {
  let left = 1 + random(40);
  every(5 + random(50), socket, () => {
    if (left-- <= 0) {
      const end = random(3);
      if (end === 0) socket.resetAndDestroy();
      else if (end === 1) socket.end();
      else socket.destroy();
      return;
    }
    const bytes = random(5) === 0 ? randomBytes() : Buffer.from(words[random(words.length)]!, 'latin1');
    const cut = random(bytes.length + 1);
    socket.write(bytes.subarray(0, cut));
    if (random(4) > 0) socket.write(bytes.subarray(cut));
  });
}

function randomBytes(): Buffer {
  return Buffer.from(Array.from({ length: random(300) }, () => random(256)));
}

const words = [
  ...['EHLO x', 'HELO', 'HELO a b c', 'NOOP', 'RSET', 'QUIT', 'DATA', 'STARTTLS', 'STARTTLS x', 'HELP', 'VRFY x'],
  ...['MAIL FROM:<a@b.example>', 'MAIL FROM:<>', 'MAIL FROM: a@b.example SIZE=99999999999', 'MAIL FROM:<a@b> AUTH=<>'],
  ...['RCPT TO:<c@d.example>', 'RCPT TO:<a@b>,<c@d>', 'RCPT TO:<', 'RCPT TO:<a@b> NOTIFY=NEVER NOTIFY=NEVER'],
  ...['AUTH PLAIN', 'AUTH PLAIN AHUAeA==', 'AUTH LOGIN', 'AUTH LOGIN dQ==', '*', 'AUTH CRAM-MD5', 'AUTH'],
  ...['BDAT 5 LAST', 'XCLIENT ADDR=192.0.2.1', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2', 'GET / HTTP/1.1', ''],
  ...['Subject: x', 'From: a@b.example', '.', '..', '.\n.', 'x'.repeat(2000), 'A'.repeat(5000)],
].flatMap((line) => [`${line}\r\n`, `${line}\n`]);

const harms = Object.values(attacks);
for (let i = 0; i < 200; i++) attack(harms[i % harms.length]!);
for (let i = 0; i < 25; i++) attack(nonsense);
