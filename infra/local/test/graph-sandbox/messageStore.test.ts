import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { callsTo, mail, startSandbox, temporaryFolder } from './sandboxClient.ts';

const MAIN = new URL('../../graph-sandbox/main.ts', import.meta.url);

test('messages keep order, ids, bytes and counts over a restart', async (t) => {
  const first = await startSandbox(t);
  const mails = Array.from({ length: 30 }, (_, n) => mail([`Subject: ${n}`, `Message-ID: <${n % 29}@test>`]));
  for (const mime of mails) assert.equal((await first.sendMime('a@contoso.com', mime)).status, 202);
  const before = await first.messages();
  assert.deepEqual(
    before.map((message) => message.subject),
    mails.map((_, n) => String(n)),
  );
  await first.close();

  const second = await startSandbox(t, { dataDir: first.dataDir });
  assert.deepEqual(await second.messages(), before);
  const { accepted, duplicateMessageIds, requests } = await second.stats();
  assert.deepEqual({ accepted, duplicateMessageIds, requests }, { accepted: 30, duplicateMessageIds: 1, requests: 0 });
  await second.sendMime('a@contoso.com', mail(['Subject: last']));
  assert.equal((await second.messages()).at(-1)?.subject, 'last');
  const mime = await fetch(`${second.url}/sandbox/messages/${before[7]!.id}/mime`);
  assert.equal(await mime.text(), mails[7]);
});

test('messages that were not read before the end are read at the next start', async (t) => {
  const first = await startSandbox(t);
  const subjects = Array.from({ length: 40 }, (_, n) => String(n));
  for (const subject of subjects) await first.sendMime('a@contoso.com', mail([`Subject: ${subject}`]));
  await first.close();
  const second = await startSandbox(t, { dataDir: first.dataDir });
  const listed = (await second.messages()).map((message) => message.subject);
  assert.deepEqual(listed, subjects);
});

test('records that were lost or half written are made anew from the messages', async (t) => {
  const first = await startSandbox(t);
  for (const n of [1, 2, 3]) await first.sendMime('a@contoso.com', mail([`Subject: ${n}`]));
  const before = await first.messages();
  await first.close();
  const log = join(first.dataDir, 'records.log');

  await truncate(log, 700);
  await writeFile(join(first.dataDir, 'messages', 'half.tmp'), 'half a message');
  const second = await startSandbox(t, { dataDir: first.dataDir });
  assert.deepEqual(await second.messages(), before);
  assert.equal((await readdir(join(first.dataDir, 'messages'))).length, 3);
  await second.close();

  await appendFile(log, ',{"id":"somebody else"}\n,{"ha');
  const third = await startSandbox(t, { dataDir: first.dataDir });
  assert.deepEqual(await third.messages(), before);
});

test('DELETE /sandbox/messages forgets all, for good', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.sendMime('a@contoso.com', mail());
  assert.equal((await fetch(`${sandbox.url}/sandbox/messages`, { method: 'DELETE' })).status, 204);
  assert.deepEqual(await sandbox.messages(), []);
  assert.equal((await sandbox.stats()).accepted, 0);
  await sandbox.sendMime('a@contoso.com', mail(['Subject: after']));
  await sandbox.close();
  const again = await startSandbox(t, { dataDir: sandbox.dataDir });
  assert.deepEqual(
    (await again.messages()).map((message) => message.subject),
    ['after'],
  );
});

test('the MIME of an unknown id is 404 with a hint', async (t) => {
  const sandbox = await startSandbox(t);
  const response = await fetch(`${sandbox.url}/sandbox/messages/${crypto.randomUUID()}/mime`);
  assert.equal(response.status, 404);
  assert.match(((await response.json()) as { error: string }).error, /GET \/sandbox\/messages/);
  const unknown = await fetch(`${sandbox.url}/sandbox/mails`);
  assert.equal(unknown.status, 404);
  assert.match(((await unknown.json()) as { error: string }).error, /PUT \/sandbox\/faults/);
});

test('everything answered with 202 is there after a SIGKILL', async (t) => {
  const dataDir = await temporaryFolder(t);
  let child = await startProcess(dataDir);
  t.after(() => child.process.kill('SIGKILL'));
  const accepted = new Set<string>();
  let killed = false;
  const senders = Array.from({ length: 4 }, async (_, sender) => {
    for (let n = 0; !killed; n++) {
      const id = `<${sender}.${n}@test>`;
      const response = await child.sendMime('a@contoso.com', mail([`Message-ID: ${id}`])).catch(() => undefined);
      if (response?.status === 202) accepted.add(id);
      if (accepted.size >= 100 && !killed) {
        killed = true;
        child.process.kill('SIGKILL');
      }
    }
  });
  await Promise.all(senders);
  child = await startProcess(dataDir);
  const found = new Set((await child.messages()).map((message) => message.messageId));
  assert.deepEqual(
    [...accepted].filter((id) => !found.has(id)),
    [],
  );
});

test('the process ends when its parent disconnects', async (t) => {
  const child = await startProcess(await temporaryFolder(t));
  t.after(() => child.process.kill('SIGKILL'));
  await child.sendMime('a@contoso.com', mail());
  const exit = once(child.process, 'exit');
  child.process.disconnect();
  assert.deepEqual(await exit, [0, null]);
});

test('SIGTERM ends the process cleanly, hanging calls and all', async (t) => {
  const child = await startProcess(await temporaryFolder(t));
  t.after(() => child.process.kill('SIGKILL'));
  await child.setFaults([{ hangMs: 600_000 }]);
  const hanging = assert.rejects(child.sendMime('a@contoso.com', mail()));
  const deadline = Date.now() + 5000;
  while ((await child.stats()).requests < 1 && Date.now() < deadline);
  const exit = once(child.process, 'exit');
  child.process.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null]);
  await hanging;
});

for (const [args, sentence] of [
  [['--port', 'x', '--data', 'd'], /^--port must be a number/],
  [['--port', '0'], /^--data DIR is missing/],
  [['--prot', '0'], /^Unknown option '--prot'/],
  [['--data', 'd', '--mailboxes', 'no-such-file'], /^--mailboxes no-such-file: /],
] as const)
  test(`started with ${args.join(' ')} it says what is wrong and exits with 1`, async () => {
    const child = fork(MAIN, args, { silent: true });
    let said = '';
    child.stderr!.on('data', (chunk) => {
      said += chunk;
    });
    assert.deepEqual(await once(child, 'close'), [1, null]);
    assert.match(said, sentence);
    assert.equal(said.trim().split('\n').length, 1);
  });

test('a port in use is one sentence and exit code 1', async (t) => {
  const sandbox = await startSandbox(t);
  const args = ['--port', new URL(sandbox.url).port, '--data', await temporaryFolder(t)];
  const child = fork(MAIN, args, { silent: true });
  let said = '';
  child.stderr!.on('data', (chunk) => {
    said += chunk;
  });
  assert.deepEqual(await once(child, 'close'), [1, null]);
  assert.match(said, /^Port \d+ is in use; .*\n$/);
});

async function startProcess(dataDir: string): Promise<ReturnType<typeof callsTo> & { process: ChildProcess }> {
  const process = fork(MAIN, ['--port', '0', '--data', dataDir]);
  const [message] = (await once(process, 'message')) as [{ type: string; port: number }];
  assert.equal(message.type, 'listening');
  return { ...callsTo(`http://127.0.0.1:${message.port}`), process };
}
