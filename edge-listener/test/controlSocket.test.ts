// The operator's commands to an edge that starts, that runs, and that does not.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { reachRunning } from '../src/operations/controlClient.ts';
import { createControlServer } from '../src/operations/controlServer.ts';
import { type FakeRelay, startFakeRelay } from './support/fakeRelay.ts';
import { installBundle } from './support/runBundle.ts';
import { temporaryDirectory } from './support/runEdge.ts';
import { sendMail } from './support/smtpClient.ts';

const bundle = installBundle();
const { run, config, directory } = bundle;
let relay: FakeRelay;
before(async () => {
  relay = await startFakeRelay();
});
after(async () => {
  bundle.remove();
  await relay.close();
});

const working = (name: string, spool: string) => ({
  name,
  spool: { directory: spool },
  relay: { url: 'http://127.0.0.1:9' },
  listeners: [{ host: '127.0.0.1', port: 0, clients: ['127.0.0.0/8'] }],
  devices: [{ name: 'Printer, 2nd floor', clients: ['127.0.0.1'] }],
});

const NOBODY = 65_534;
const asRoot = process.getuid?.() === 0;

test('root leaves no file of its own in the spool of another user', { skip: !asRoot && 'needs root' }, async () => {
  // As systemd does it: the directory is the edge's, the way to it is root's alone.
  const closed = join(directory, 'private');
  const spool = join(closed, 'edge');
  mkdirSync(spool, { recursive: true });
  chownSync(spool, NOBODY, NOBODY);
  const file = config('owner', working('owner', spool));
  const edge = run(['start', '--config', file], { RELAY_KEY: 'x' }, { uid: NOBODY, gid: NOBODY });
  assert.equal((await sendMail(await edge.port())).code, 250);
  edge.child.kill('SIGTERM');
  assert.equal(await edge.exit, 0, edge.err());
  chmodSync(closed, 0o700);
  const command = async (...args: string[]) => {
    const done = run([...args, '--config', file, '--json'], {});
    assert.equal(await done.exit, 0, done.err());
    return JSON.parse(done.out());
  };
  const [{ id }] = await command('queue', 'list');
  await command('queue', 'hold', id);
  await command('queue', 'retry', id);
  await command('queue', 'hold', id);
  const foreign = readdirSync(spool, { recursive: true, encoding: 'utf8' }).filter(
    (name) => statSync(join(spool, name)).uid !== NOBODY,
  );
  assert.deepEqual(foreign, []);
  chmodSync(closed, 0o755);
  const again = run(['start', '--config', file], { RELAY_KEY: 'x' }, { uid: NOBODY, gid: NOBODY });
  await again.port();
  again.child.kill('SIGTERM');
  assert.equal(await again.exit, 0, again.err());
});

test('a user who may not look into the spool is told so', { skip: !asRoot && 'needs root' }, async () => {
  const file = config('closed', working('closed', './closed'));
  mkdirSync(join(directory, 'closed', 'queued'), { recursive: true });
  chmodSync(join(directory, 'closed'), 0o700);
  const listing = run(['queue', 'list', '--config', file], {}, { uid: NOBODY, gid: NOBODY });
  assert.equal(await listing.exit, 1);
  assert.match(listing.err(), /^This user may not look into .*closed: be root, or the user that the edge runs as\.$/m);
});

test('no spool is made where none is', async () => {
  mkdirSync(join(directory, 'empty'));
  for (const place of ['./none', './empty']) {
    const listing = run(['queue', 'list', '--config', config('none', working('none', place))], {});
    assert.equal(await listing.exit, 1);
    assert.match(listing.err(), /^There is no spool at .*: no edge has run with this configuration yet\.$/m);
  }
  assert.deepEqual(readdirSync(join(directory, 'empty')), []);
});

test('an edge that still recovers its spool answers that it is starting', async () => {
  const { path, remove } = temporaryDirectory();
  const socket = net.createServer();
  createControlServer().attach(socket);
  await new Promise<void>((resolve) => socket.listen(join(path, 'control.sock'), resolve));
  const operator = await reachRunning(path);
  await assert.rejects(operator!.list(), /The running edge answered: It is starting; ask again in a moment\./);
  await new Promise((resolve) => socket.close(resolve));
  remove();
});

test('an edge that never answers is given up on', async () => {
  const { path, remove } = temporaryDirectory();
  const silent = http.createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(join(path, 'control.sock'), resolve));
  const operator = await reachRunning(path, 200);
  await assert.rejects(operator!.list(), /The running edge did not answer within 0\.2 s\./);
  silent.closeAllConnections();
  silent.close();
  remove();
});

test('damaged mail and the names of devices are shown, and whether mail can be taken', async () => {
  const spool = join(directory, 'shown');
  const file = config('shown', working('shown', spool));
  const command = async (...args: string[]) => {
    const done = run([...args, '--config', file, '--json'], {});
    return { code: await done.exit, value: JSON.parse(done.out()), err: done.err() };
  };
  const stopped = await command('check', '--running');
  assert.deepEqual([stopped.code, stopped.value.ok], [1, false]);
  const edge = run(['start', '--config', file]);
  await sendMail(await edge.port());
  writeFileSync(join(spool, 'damaged', '17.segment.0'), 'x');
  assert.equal((await command('check', '--running')).code, 0);
  const failed = (await command('queue', 'list', '--failed')).value;
  assert.deepEqual(
    failed.map(({ id, state, bytes }: Record<string, unknown>) => [id, state, bytes]),
    [['17.segment.0', 'damaged', 1]],
  );
  const [device] = (await command('devices')).value;
  assert.deepEqual([device.address, device.name], ['127.0.0.1', 'Printer, 2nd floor']);
  edge.child.kill('SIGTERM');
  assert.equal(await edge.exit, 0);
  rmSync(spool, { recursive: true });
});
