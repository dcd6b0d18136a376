// A line that is slow, and one that is dead, with a body that is in memory as a whole.
import assert from 'node:assert/strict';
import net, { type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createHttpClient } from '../../src/forward/httpExchange.ts';

const BODY_BYTES = 64_000_000;

/** A server that reads `bytesAtOnce` every 50 ms, answers after all of it, and stops reading for good at `stopAt`. */
async function slowServer(bytesAtOnce: number, stopAt = Number.POSITIVE_INFINITY) {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined); // the client gives up, which is what is tested
    let total = 0;
    let inTurn = 0;
    socket.on('data', (chunk: Buffer) => {
      total += chunk.length;
      inTurn += chunk.length;
      if (total >= BODY_BYTES) return void socket.write('HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n');
      if (inTurn < bytesAtOnce) return;
      inTurn = 0;
      socket.pause();
      if (total < stopAt) void setTimeout(50).then(() => socket.resume());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

async function upload(port: number, idleTimeoutMs: number) {
  const http = createHttpClient({
    baseUrl: `http://127.0.0.1:${port}`,
    maxSockets: 1,
    idleTimeoutMs,
    answerTimeoutMs: 5000,
  });
  let sent = 0;
  try {
    const answer = await http.exchange({
      method: 'PUT',
      path: '/',
      headers: { 'content-length': String(BODY_BYTES) },
      body: Readable.from([Buffer.alloc(BODY_BYTES)]),
      onSent: (bytes) => {
        sent += bytes;
      },
    });
    return { status: answer.status, sent };
  } finally {
    http.close();
  }
}

test('a body in memory leaves on a slow line, as long as something of it does', async (t) => {
  const { port, close } = await slowServer(1_000_000);
  t.after(close);
  assert.deepEqual(await upload(port, 500), { status: 202, sent: BODY_BYTES });
});

test('a body that nobody reads any more is given up', async (t) => {
  const { port, close } = await slowServer(1_000_000, 5_000_000);
  t.after(close);
  await assert.rejects(upload(port, 500), /no progress of the upload within 0.5 s/);
});
