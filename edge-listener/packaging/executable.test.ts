// The executable with Node inside: a mail goes through it. Run by `npm run build:executable`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startFakeRelay } from '../test/support/fakeRelay.ts';
import { temporaryDirectory } from '../test/support/runEdge.ts';
import { sendMail } from '../test/support/smtpClient.ts';
import { until } from '../test/support/until.ts';

const suffix = process.platform === 'win32' ? '.exe' : '';
const executable = fileURLToPath(
  new URL(`../dist/edge-listener-${process.platform}-${process.arch}${suffix}`, import.meta.url),
);

test('the executable checks its configuration, takes a mail and forwards it', async () => {
  const { path, remove } = temporaryDirectory();
  const relay = await startFakeRelay();
  const file = join(path, 'edge.yaml');
  const listeners = [{ host: '127.0.0.1', port: 0, clients: ['127.0.0.0/8'] }];
  writeFileSync(file, JSON.stringify({ name: 'exe', spool: { directory: 's' }, relay: { url: relay.url }, listeners }));
  const env = { RELAY_KEY: 'test-key' }; // no PATH: nothing else is needed
  const checked = spawn(executable, ['check', '--config', file, '--online'], { env, stdio: 'inherit' });
  assert.equal(await new Promise((resolve) => checked.on('exit', resolve)), 0);
  const edge = spawn(executable, ['start', '--config', file], { env });
  const ended = new Promise((resolve) => edge.on('exit', resolve));
  try {
    let out = '';
    edge.stdout.on('data', (data) => (out += data));
    await until('it is ready', () => out.includes('edge.ready'));
    const { port } = JSON.parse(out.split('\n').find((line) => line.includes('edge.listening'))!) as { port: number };
    assert.equal((await sendMail(port)).code, 250);
    await until('the mail is forwarded', () => relay.taken.length === 1);
    edge.kill('SIGTERM');
    assert.equal(await ended, process.platform === 'win32' ? null : 0);
  } finally {
    edge.kill('SIGKILL');
    await relay.close();
    remove();
  }
});
