import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Ending, runStart } from './harness/startRelay.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

/** It ended by itself with exit code 1, and said one sentence on stderr. */
function assertRefused(ending: Ending, sentence: RegExp): void {
  assert.equal(ending.code, 1);
  assert.match(ending.stderr, sentence);
  assert.equal(ending.stderr.trimEnd().split('\n').length, 1, ending.stderr);
  assert.equal(ending.stdout, '');
}

test('a bad flag is refused', async () => {
  assertRefused(await runStart(['--worker', '3']), /^Unknown option '--worker'/);
});

test('each port that is in use is refused with the flag that helps, and nothing is started', async () => {
  const { path, remove } = await temporaryDirectory();
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const port = String((taken.address() as AddressInfo).port);
  const endings = await Promise.all(
    ['smtp', 'http', 'inbox'].map(async (name) => {
      const free = ['smtp', 'http', 'inbox']
        .filter((other) => other !== name)
        .flatMap((other) => [`--${other}-port`, '0']);
      const data = join(path, name);
      return { name, data, ending: await runStart([...free, `--${name}-port`, port, '--data', data]) };
    }),
  );
  for (const { name, data, ending } of endings) {
    assertRefused(ending, new RegExp(`^Port ${port} is in use: .*--${name}-port\\.$`, 'm'));
    assert.equal(existsSync(join(data, 'pids.json')), false);
  }
  taken.close();
  await remove();
});

test('a data directory that cannot be used is refused', async () => {
  const { path, remove } = await temporaryDirectory();
  const file = join(path, 'file');
  writeFileSync(file, '');
  const ports = ['--smtp-port', '0', '--http-port', '0', '--inbox-port', '0'];
  assertRefused(await runStart([...ports, '--data', file]), /^The data directory .*file cannot be used \(EEXIST\)/);
  assertRefused(await runStart([...ports, '--data', join(file, 'below')]), /cannot be used \(ENOTDIR\)/);
  await remove();
});

test('settings that are no JSON are refused', async () => {
  const { path, remove } = await temporaryDirectory();
  const app = join(path, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'local.settings.json'), '{');
  const { createRelay } = await import('../relay.ts');
  const relay = createRelay(
    {
      smtpPort: 0,
      httpPort: 0,
      inboxPort: 0,
      dataDirectory: join(path, 'data'),
      workers: 1,
      graphUrl: undefined,
      edge: false,
      graphLimits: false,
    },
    () => {},
    { app, sandbox: '', edge: '' },
  );
  await assert.rejects(relay.start(), /local\.settings\.json is not valid JSON/);
  await relay.stop();
  await remove();
});

test('settings that the functions refuse end the start with their reason', async () => {
  const { path, remove } = await temporaryDirectory();
  const ports = ['--smtp-port', '0', '--http-port', '0', '--inbox-port', '0'];
  const ending = await runStart([...ports, '--data', join(path, 'data')], { AMBIGUOUS_SEND: 'perhaps' });
  assert.equal(ending.code, 1);
  assert.match(ending.stderr, /^\[worker-1\] .*AMBIGUOUS_SEND/m);
  assert.match(ending.stderr, /^A function worker ended before it was ready \(exit code 1\)/m);
  await remove();
});

test('a Node that is too old is refused in one sentence that says what to do', async () => {
  const start = fileURLToPath(new URL('../start.mjs', import.meta.url));
  for (const old of ['20.20.2', '22.17.1']) {
    const versions = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'${old}'}})`;
    const args = ['--import', `data:text/javascript,${versions}`, start];
    const error = await promisify(execFile)(process.execPath, args).then(
      () => assert.fail('it started'),
      (failure: { code: number; stderr: string }) => failure,
    );
    assert.equal(error.code, 1);
    assert.match(error.stderr, /^This needs Node 22\.18 or newer, .*\n$/);
  }
});
