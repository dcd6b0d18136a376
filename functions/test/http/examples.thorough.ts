// The examples of docs/api.md, run as they stand there, each with its own language and nothing else.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { syntaxProblems } from '../../../infra/test/grammar.ts';
import { engineIsThere, HOST } from '../../../infra/test/powershell/engine.ts';
import { caller, eventually, sandbox } from './requests.ts';
import { LOCAL_KEY, type RunningRelay, startRelay } from './runningRelay.ts';

/** How each example is run, by the heading over it. */
const PROGRAMS: Record<string, { file: string; command: string; args: readonly string[] }> = {
  curl: { file: 'send.sh', command: 'bash', args: ['send.sh'] },
  Python: { file: 'send.py', command: 'python3', args: ['send.py'] },
  PHP: { file: 'send.php', command: 'php', args: ['send.php'] },
  Java: { file: 'Send.java', command: 'java', args: ['Send.java'] },
  'C#': { file: 'send.cs', command: 'dotnet', args: ['run', 'send.cs'] },
  PowerShell: { file: 'send.ps1', command: 'dotnet', args: [HOST, 'send.ps1'] },
};

const text = await readFile(new URL('../../../docs/api.md', import.meta.url), 'utf8');
const examples = new Map(
  [...text.matchAll(/^### (.+)\n\n```\w+\n([\s\S]*?)^```$/gm)].map(([, heading, code]) => [heading!, code!]),
);

let relay: RunningRelay;
let directory: string;
before(async () => {
  relay = await startRelay();
  directory = await mkdtemp(join(tmpdir(), 'relay-examples-'));
});
after(async () => {
  await relay?.stop();
  await rm(directory, { recursive: true, force: true });
});

const env = (key: string) => ({
  ...process.env,
  RELAY_URL: relay.url,
  RELAY_KEY: key,
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  DOTNET_NOLOGO: '1',
});

test('there is an example for every language that is promised', () => {
  assert.deepEqual([...examples.keys()], ['curl', 'Python', 'C#', 'PowerShell', 'PHP', 'Java']);
});

/** A relay that is busy once: answers the first POST with 503, and hands the others on to the real one. */
async function busyOnce() {
  const keys: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    keys.push(request.headers['idempotency-key'] as string | undefined);
    if (keys.length === 1) return void response.writeHead(503, { 'retry-after': '1', 'content-length': 0 }).end();
    const type = request.headers['content-type'] ?? '';
    const answer = await caller(relay).post(body, { 'content-type': type, 'idempotency-key': keys.at(-1) });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type')! }).end(answer.text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { keys, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

// What is not installed is seen as skipped; in CI, where it can be installed, it fails.
const required = ['curl', 'Python', ...(process.env.CI ? ['PHP', 'Java'] : [])];
function missing(name: string, command: string): string | false {
  if (required.includes(name)) return false;
  if (spawnSync(command, ['--version']).status !== 0) return `${command} is not installed`;
  return name === 'PowerShell' && !engineIsThere && "PowerShell's engine could not be had from NuGet";
}
for (const [name, { file, command, args }] of Object.entries(PROGRAMS)) {
  const options = { timeout: 240_000, skip: missing(name, command) };
  const run = async (key: string, url = relay.url) => {
    await writeFile(join(directory, file), examples.get(name)!);
    const settings = { cwd: directory, env: { ...env(key), RELAY_URL: url }, timeout: 110_000 };
    return promisify(execFile)(command, args, settings);
  };

  test(
    `the ${name} example tries again under the same id when the relay is busy, and sends one mail`,
    options,
    async (t) => {
      const busy = await busyOnce();
      t.after(() => busy.close());
      const { stdout } = await run(LOCAL_KEY, busy.url);
      const [key, ...others] = busy.keys;
      assert.ok(key && stdout.includes(key), stdout);
      assert.deepEqual(others, [key]);
      await caller(relay).until(key, 'sent');
      const mails = (await sandbox(relay).messages()).filter(({ messageId }) => messageId.includes(key));
      assert.equal(mails.length, 1);
    },
  );

  test(`the ${name} example sends a mail, and says so when it may not`, options, async () => {
    const { stdout } = await run(LOCAL_KEY);
    const id = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(stdout)?.[0];
    assert.ok(id, stdout);
    await caller(relay).until(id, 'sent');
    const mail = await eventually('the mail is in the inbox', async () =>
      (await sandbox(relay).messages()).find(({ messageId }) => messageId.includes(id)),
    );
    assert.deepEqual(mail.to, ['bob@contoso.com']);
    assert.deepEqual(
      mail.attachments.map(({ name, bytes }) => [name, bytes]),
      [['report.txt', 'All is well.'.length]],
    );
    await assert.rejects(run('wrong-key'), (error: { stdout?: string; stderr?: string }) =>
      `${error.stdout}${error.stderr}`.includes('No caller has this key'),
    );
  });
}

test('the PowerShell example can be read by the grammar of PowerShell', async () => {
  const file = join(directory, 'send.ps1');
  await writeFile(file, examples.get('PowerShell')!);
  assert.deepEqual(await syntaxProblems('powershell', [file]), []);
});
