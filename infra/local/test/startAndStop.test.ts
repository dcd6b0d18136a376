import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ProcessIds } from '../pidFile.ts';
import { eventually } from './harness/eventually.ts';
import { eventuallyGone, isAlive } from './harness/processes.ts';
import { sandboxMessages } from './harness/sandboxClient.ts';
import { type RunningRelay, runStart, startRelay } from './harness/startRelay.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

const ID = '0198b3a4-5c6d-7e8f-9a0b-1c2d3e4f5a6b';
const authorization = 'Bearer local-dev-key';

let relay: RunningRelay;
before(async () => {
  relay = await startRelay({ flags: ['--workers', '2'] });
});
after(() => relay[Symbol.asyncDispose]());

const all = ({ supervisor, azurite, sandbox, workers, edge }: ProcessIds) =>
  [supervisor, azurite, sandbox, edge, ...workers].filter((pid) => pid !== null);

/** Kills one child and waits until another process is in its place. */
async function killAndAwaitNext(pick: (pids: ProcessIds) => number | null | undefined): Promise<void> {
  const old = pick(relay.pids());
  assert.ok(old);
  process.kill(old, 'SIGKILL');
  await eventually('a new process', () => {
    const next = pick(relay.pids());
    return typeof next === 'number' && next !== old && isAlive(next);
  });
}

function post({ httpUrl }: RunningRelay, id: string): Promise<Response> {
  return fetch(`${httpUrl}/api/messages`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'message/rfc822', 'idempotency-key': id },
    body: 'From: kim@contoso.com\r\nTo: bob@contoso.com\r\nSubject: Is anybody there?\r\n\r\nHello.\r\n',
  });
}

async function stateOf({ httpUrl }: RunningRelay, id: string): Promise<string> {
  const answer = await fetch(`${httpUrl}/api/messages/${id}`, { headers: { authorization } });
  return ((await answer.json()) as { state: string }).state;
}

/** Whether the function app, and behind it the storage, answers. */
async function mailIsAccepted(): Promise<boolean> {
  const answer = await post(relay, randomUUID());
  await answer.arrayBuffer();
  return answer.status === 202;
}

/** The first line of the SMTP server. */
async function greeting(port: number): Promise<string> {
  const socket = createConnection(port, '127.0.0.1');
  try {
    const [line] = await once(socket.setEncoding('utf8'), 'data');
    return line as string;
  } finally {
    socket.destroy();
  }
}

test('the ready line names three addresses, and each of them answers', async () => {
  const { readyLine, smtpPort, httpUrl, inboxUrl } = relay;
  assert.match(
    readyLine,
    /^relay ready {2}smtp=127\.0\.0\.1:\d+ {2}http=http:\/\/127\.0\.0\.1:\d+ {2}inbox=http:\/\/127\.0\.0\.1:\d+$/,
  );
  assert.match(await greeting(smtpPort), /^220 /);
  assert.equal((await fetch(`${httpUrl}/api/unknown`)).status, 404);
  assert.equal(await mailIsAccepted(), true);
  const page = await fetch(inboxUrl, { headers: { accept: 'text/html' } });
  assert.match(await page.text(), /<html/i);
});

test('the process ids on file are those of living processes', () => {
  const pids = relay.pids();
  assert.equal(pids.supervisor, relay.supervisor.pid);
  assert.equal(pids.workers.length, 2);
  assert.equal(all(pids).length, 6);
  assert.ok(all(pids).every(isAlive));
});

test('the admin key runs a timer function now', async () => {
  const key = readFileSync(join(relay.data, 'admin-key'), 'utf8').trim();
  const run = (headers: Record<string, string>) =>
    fetch(`${relay.httpUrl}/admin/functions/sweepMail`, { method: 'POST', headers, body: '{}' });
  assert.equal((await run({})).status, 401);
  assert.equal((await run({ 'x-functions-key': key })).status, 202);
});

test('a second relay on the same data is refused, and the first goes on', async () => {
  const ports = ['--smtp-port', '0', '--http-port', '0', '--inbox-port', '0'];
  const second = await runStart([...ports, '--data', relay.data]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /^Another relay already runs on .*: stop it, or use another --data directory\.\n$/);
  assert.ok(all(relay.pids()).every(isAlive));
});

test('a killed worker is started again; requests wait for it meanwhile', async () => {
  const { workers } = relay.pids();
  for (const pid of workers) process.kill(pid, 'SIGKILL');
  await eventually('both are known to be dead', () => !relay.pids().workers.some((pid) => workers.includes(pid)));
  assert.equal(await mailIsAccepted(), true);
  await eventually('two new workers', () => relay.pids().workers.length === 2);
  assert.match(relay.stderr(), /\[worker-1\] It ended \(killed by SIGKILL\) and is started again/);
});

test('a killed edge comes back on its port', async () => {
  await killAndAwaitNext((pids) => pids.edge);
  await eventually('the edge answers', async () => /^220 /.test(await greeting(relay.smtpPort)));
});

test('a killed sandbox comes back on its port', async () => {
  await killAndAwaitNext((pids) => pids.sandbox);
  await eventually('the sandbox answers', async () => (await fetch(`${relay.inboxUrl}/sandbox/stats`)).ok);
});

test('a killed Azurite comes back on its ports', async () => {
  await killAndAwaitNext((pids) => pids.azurite);
  await eventually('mail is accepted again', mailIsAccepted, 20_000);
});

test('SIGTERM stops everything in order and leaves nothing behind', async () => {
  const pids = all(relay.pids());
  const { code } = await relay.stop();
  assert.equal(code, 0);
  assert.deepEqual(pids.filter(isAlive), []);
  for (const port of [relay.smtpPort, Number(new URL(relay.httpUrl).port), Number(new URL(relay.inboxUrl).port)])
    await assert.rejects(greeting(port));
  assert.deepEqual(readdirSync(relay.data).sort(), ['admin-key', 'azurite', 'edge.yaml', 'inbox', 'logs', 'spool']);
  const timeOf = (log: string, words: RegExp) => {
    const lines = readFileSync(join(relay.data, 'logs', `${log}.log`), 'utf8').split('\n');
    return lines.findLast((line) => words.test(line))?.slice(0, 24) ?? `${log}.log does not say ${words}`;
  };
  assert.ok(timeOf('edge', /edge\.stopped/) <= timeOf('azurite', /Blob service is closing/));
});

test('Ctrl+C on "npm start" ends it all', async () => {
  await using directory = await temporaryDirectory().then(({ path, remove }) => ({
    path,
    [Symbol.asyncDispose]: remove,
  }));
  const data = join(directory.path, 'data');
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const ports = ['--smtp-port', '0', '--http-port', '0', '--inbox-port', '0', '--no-edge'];
  // In a process group of its own, so that the signal reaches npm and all it started, as a terminal would send it.
  const npm = spawn('npm', ['start', '--', ...ports, '--data', data], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  npm.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  await eventually('the ready line', () => /^relay ready {2}http=\S+ {2}inbox=\S+$/m.test(said), 30_000);
  const pids = JSON.parse(readFileSync(join(data, 'pids.json'), 'utf8')) as ProcessIds;
  assert.equal(pids.edge, null);
  process.kill(-npm.pid!, 'SIGINT');
  await eventuallyGone(all(pids), 20_000);
  assert.equal(existsSync(join(data, 'pids.json')), false);
});

test('when the supervisor is killed, all else ends; the next start finds queue, receipt and inbox', async () => {
  await using first = await startRelay({ flags: ['--no-edge'] });
  const posted = await post(first, ID);
  assert.equal(posted.status, 202);
  await eventually('it is sent', async () => (await stateOf(first, ID)) === 'sent');
  const { supervisor, ...children } = first.pids();
  first.supervisor.kill('SIGKILL');
  await eventuallyGone(all({ supervisor, ...children }), 20_000);

  await using second = await startRelay({ data: first.data });
  assert.equal(await stateOf(second, ID), 'sent');
  const inbox = await sandboxMessages(second.inboxUrl);
  assert.deepEqual(
    inbox.map(({ subject }) => subject),
    ['Is anybody there?'],
  );

  // A second Ctrl+C ends everything at once.
  const pids = all(second.pids());
  second.supervisor.kill('SIGINT');
  await eventually('the stop has begun', () => second.stderr().includes('Stopping; Ctrl+C again to stop at once.'));
  second.supervisor.kill('SIGINT');
  await eventuallyGone(pids, 20_000);
});
