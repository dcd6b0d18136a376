import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { type FunctionsRuntime, startFunctionsRuntime } from '../functions-runtime/runtime.ts';
import { eventually } from './harness/eventually.ts';
import { startStorage } from './harness/startStorage.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

const ID = '0198b3a4-5c6d-7e8f-9a0b-1c2d3e4f5a6b';
const BODY_LIMIT = 60_000_000;

let base: string;
let runtime: FunctionsRuntime;
let notesFile: string;
let queue: QueueClient;
let poison: QueueClient;
const log: string[] = [];
const undo: (() => Promise<void>)[] = [];

before(async () => {
  const directory = await temporaryDirectory();
  notesFile = join(directory.path, 'notes');
  process.env.NOTES = notesFile;
  const storage = await startStorage();
  const queues = QueueServiceClient.fromConnectionString(storage.connectionString);
  queue = queues.getQueueClient('work');
  poison = queues.getQueueClient('work-poison');
  await queue.create();
  runtime = await startFunctionsRuntime({
    appDirectory: fileURLToPath(new URL('fixtures/app', import.meta.url)),
    settings: {
      MailStorage: storage.connectionString,
      WORK_QUEUE: 'work',
      TICK: '* * * * * *',
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: String(BODY_LIMIT),
    },
    adminKey: 'the-admin-key',
    queueLeaseSeconds: 2,
    log: (level, source, message) => log.push(`${level} ${source}: ${message}`),
  });
  runtime.server.listen(0, '127.0.0.1');
  await once(runtime.server, 'listening');
  base = `http://127.0.0.1:${(runtime.server.address() as AddressInfo).port}`;
  undo.push(storage.stop, directory.remove);
});

after(async () => {
  await runtime.stop();
  for (const step of undo) await step();
  // The library's own server cannot be closed; without this it would keep the process alive.
  setImmediate(() => process.exit());
});

/** What the functions of the fixture app wrote down so far. */
function notes(): Record<string, unknown>[] {
  if (!existsSync(notesFile)) return [];
  const lines = readFileSync(notesFile, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

function workNotes(name: string) {
  return notes().filter((note) => note.queue === 'work' && (note.message as { name?: string })?.name === name);
}

async function enqueue(message: object): Promise<void> {
  await queue.sendMessage(Buffer.from(JSON.stringify(message)).toString('base64'));
}

async function statusOf(path: string, init: RequestInit = {}): Promise<number> {
  const answer = await fetch(base + path, init);
  await answer.arrayBuffer();
  return answer.status;
}

test('a request reaches its function with parameters, query, headers and trace context', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const answer = await fetch(`${base}/API/Echo/${ID}/a%2Fb?x=1`, { headers: { 'x-test': 'ä', traceparent } });
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get('x-custom'), 'yes');
  assert.equal(answer.headers.get('x-ms-invocation-id'), null);
  const { params, query, header, url, traceParent } = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual(params, { id: ID, rest: 'a/b' });
  assert.deepEqual(query, { x: '1' });
  assert.equal(header, 'ä');
  assert.equal(url, `${base}/API/Echo/${ID}/a%2Fb?x=1`);
  assert.equal(traceParent, traceparent);
});

test('what no route knows is 404: path, method, a parameter that breaks its constraint', async () => {
  assert.equal(await statusOf('/api/nothing'), 404);
  assert.equal(await statusOf('/nothing'), 404);
  assert.equal(await statusOf(`/api/echo/${ID}`, { method: 'DELETE' }), 404);
  assert.equal(await statusOf('/api/echo/not-a-uuid'), 404);
  assert.equal(await statusOf('/%zz'), 404);
});

test('a literal route wins over one with a parameter', async () => {
  assert.equal(await (await fetch(`${base}/api/files/latest`)).text(), 'literal');
  assert.equal(await (await fetch(`${base}/api/files/other`)).text(), 'file other');
});

test('a function with a key is opened by header or query only', async () => {
  assert.equal(await statusOf('/api/locked'), 401);
  assert.equal(await statusOf('/api/locked?code=wrong'), 401);
  assert.equal(await statusOf('/api/locked?code=the-admin-key'), 200);
  assert.equal(await statusOf('/api/locked', { headers: { 'x-functions-key': 'the-admin-key' } }), 200);
});

test('a large body streams through unchanged, with a length and in chunks', async () => {
  const body = Buffer.alloc(40_000_000, 'x');
  const sha256 = createHash('sha256').update(body).digest('hex');
  async function* chunks() {
    for (let at = 0; at < body.length; at += 1_000_000) yield body.subarray(at, at + 1_000_000);
  }
  for (const init of [{ body }, { body: ReadableStream.from(chunks()), duplex: 'half' as const }]) {
    const answer = await fetch(`${base}/api/echo/${ID}`, { method: 'PUT', ...init });
    const { size, sha256: received } = (await answer.json()) as Record<string, unknown>;
    assert.equal(size, body.length);
    assert.equal(received, sha256);
  }
});

test('a body over the limit is refused with 413, by its length or when it gets too long', async () => {
  const body = Buffer.alloc(BODY_LIMIT + 1);
  assert.equal(await statusOf(`/api/echo/${ID}`, { method: 'PUT', body }), 413);
  const stream = new Blob([body]).stream();
  assert.equal(await statusOf(`/api/echo/${ID}`, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit), 413);
});

test('an answer given before the body was read reaches the client, whose connection stays usable', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const send = (method: string, path: string, body: Buffer) =>
    new Promise<{ status: number | undefined; port: number | undefined }>((resolve, reject) => {
      const sent = request(`${base}${path}`, { method, agent }, (answer) => {
        answer.resume().once('end', () => resolve({ status: answer.statusCode, port: sent.socket?.localPort }));
      });
      sent.once('error', reject).end(body);
    });
  const first = await send('PUT', '/api/early', Buffer.alloc(5_000_000));
  const second = await send('GET', '/api/files/x', Buffer.alloc(0));
  agent.destroy();
  assert.deepEqual([first.status, second.status], [403, 200]);
  assert.equal(second.port, first.port);
});

test('a response streams to the client as the handler makes it', async () => {
  const answer = await fetch(`${base}/api/stream`);
  const pieces: string[] = [];
  for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) pieces.push(piece);
  assert.equal(pieces.join(''), '0\n1\n2\n');
  assert.ok(pieces.length > 1, `the response came in ${pieces.length} piece`);
});

test('a handler that throws or returns nothing still answers 500, and the log says why', async () => {
  assert.equal(await statusOf('/api/throws'), 500);
  assert.equal(await statusOf('/api/silent'), 500);
  assert.ok(log.some((line) => line.startsWith('error throws: failed: Error: on purpose')));
  assert.ok(log.some((line) => line.startsWith('warning silent: The handler gave no answer')));
});

test('a client that goes away in the middle of its body does no harm', async () => {
  const half = request(`${base}/api/echo/${ID}`, { method: 'PUT', headers: { 'content-length': 1000 } });
  half.on('error', () => {}); // It is cut off below, on purpose.
  half.write('some');
  await sleep(100);
  half.destroy();
  await eventually('the function sees its body break off', () => log.some((line) => line.startsWith('error echo:')));
  assert.equal(await statusOf(`/api/echo/${ID}`), 202);
});

test('clients that go away after their head leave no call waiting', async () => {
  const { port } = new URL(base);
  const head = `PUT /api/echo/${ID} HTTP/1.1\r\nhost: relay\r\ncontent-length: 1000\r\n\r\n`;
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = connect(Number(port), '127.0.0.1');
      await once(socket, 'connect');
      await new Promise<void>((resolve) => socket.write(head, () => resolve()));
      socket.destroy();
    }),
  );
  assert.equal(await statusOf(`/api/echo/${ID}`, { method: 'PUT', body: 'some' }), 202);
  const settled = runtime.settled().then(() => 'settled');
  assert.equal(await Promise.race([settled, sleep(5000, 'still waiting')]), 'settled');
});

test('the admin key runs a timer or queue function now, and nothing else does', async () => {
  const run = (name: string, init: RequestInit = {}) =>
    statusOf(`/admin/functions/${name}`, { method: 'POST', ...init });
  const headers = { 'x-functions-key': 'the-admin-key' };
  assert.equal(await run('never'), 401);
  assert.equal(await run('unknown', { headers }), 404);
  assert.equal(await run('echo', { headers }), 404);
  assert.equal(await run('never', { headers, body: 'no json' }), 400);
  assert.equal(await run('never', { headers, body: '{}' }), 202);
  await eventually('the timer function ran', () => notes().some((note) => note.timer === 'never'));
  assert.equal(await run('work', { headers, body: '{"input":"{\\"name\\":\\"by hand\\"}"}' }), 202);
  await eventually('the queue function ran', () => workNotes('by hand').length === 1);
  assert.equal(await statusOf('/admin/host/status', { headers }), 200);
});

test('a timer function runs by its schedule', async () => {
  const ticks = () => notes().filter((note) => note.timer === 'tick').length;
  const first = ticks();
  await eventually('two more ticks', () => ticks() >= first + 2);
  assert.ok(notes().every((note) => note.timer !== 'tick' || note.isPastDue === false));
});

test('a message is delivered once and deleted; a hidden one waits', async () => {
  await enqueue({ name: 'plain' });
  const hidden = Buffer.from(JSON.stringify({ name: 'hidden' })).toString('base64');
  await queue.sendMessage(hidden, { visibilityTimeout: 2 });
  await eventually('the plain message', () => workNotes('plain').length === 1);
  assert.equal(workNotes('hidden').length, 0);
  await eventually('the hidden message', () => workNotes('hidden').length === 1);
  await eventually('an empty queue', async () => (await queue.getProperties()).approximateMessagesCount === 0);
  assert.equal(workNotes('plain')[0]!.dequeueCount, 1);
  assert.equal(workNotes('plain').length, 1);
});

test('a failing message comes back after visibilityTimeout, then goes to the poison queue', async () => {
  await enqueue({ name: 'bad', fail: true });
  await eventually('the poison queue', () =>
    notes().some((note) => note.queue === 'poison' && (note.message as { name?: string }).name === 'bad'),
  );
  const tries = workNotes('bad');
  assert.deepEqual(
    tries.map((note) => note.dequeueCount),
    [1, 2, 3],
  );
  for (const [i, note] of tries.slice(1).entries())
    assert.ok((note.at as number) - (tries[i]!.at as number) >= 950, 'it came back before its second was over');
});

test('what is not base64 goes to the poison queue without reaching the function', async () => {
  await queue.sendMessage('!not base64!');
  await eventually('both queues are empty', async () => {
    const [work, bad] = await Promise.all([queue.getProperties(), poison.getProperties()]);
    return work.approximateMessagesCount === 0 && bad.approximateMessagesCount === 1;
  });
  await poison.clearMessages();
});

test('a function that takes longer than its lease keeps its message', async () => {
  await enqueue({ name: 'long', sleepMs: 5000 });
  await eventually('the long message is done', () =>
    notes().some((note) => (note.done as { name?: string } | undefined)?.name === 'long'),
  );
  await eventually('an empty queue', async () => (await queue.getProperties()).approximateMessagesCount === 0);
  assert.equal(workNotes('long').length, 1);
});

test('a stop lets running calls come to their end, takes no further work and runs the appTerminate hooks', async () => {
  await enqueue({ name: 'last', sleepMs: 1500 });
  const slow = fetch(`${base}/api/slow`);
  await eventually('the message is being worked on', () => workNotes('last').length === 1);
  const stopped = runtime.stop();
  await enqueue({ name: 'too late' });
  assert.equal(await (await slow).text(), 'late');
  await stopped;
  assert.ok(notes().some((note) => (note.done as { name?: string } | undefined)?.name === 'last'));
  assert.equal(workNotes('too late').length, 0);
  assert.equal(notes().at(-1)!.hook, 'appTerminate');
  assert.equal((await queue.getProperties()).approximateMessagesCount, 1);
});
