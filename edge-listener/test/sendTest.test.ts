// `send-test`: a mail by the way a device's mail takes, and what really became of it.
import assert from 'node:assert/strict';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { type FakeRelay, startFakeRelay } from './support/fakeRelay.ts';
import { installBundle } from './support/runBundle.ts';
import { until } from './support/until.ts';

const bundle = installBundle();
const { run, config } = bundle;
let relay: FakeRelay;
before(async () => {
  relay = await startFakeRelay();
});
after(async () => {
  bundle.remove();
  await relay.close();
});

async function freePort(): Promise<number> {
  const free = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => free.once('listening', resolve));
  const { port } = free.address() as net.AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  return port;
}

/** An edge that serves `clients`, and a send-test to it. */
async function edgeFor(name: string, clients: string[], url = relay.url) {
  const port = await freePort();
  const listeners = [{ host: '0.0.0.0', port, clients }];
  const file = config(name, { name, spool: { directory: `./${name}` }, relay: { url }, listeners });
  const edge = run(['start', '--config', file]);
  await edge.port();
  return {
    send: (to: string, ...more: string[]) => run(['send-test', '--config', file, '--to', to, ...more], {}),
    command: (...args: string[]) => run([...args, '--config', file, '--json'], {}),
    async stop() {
      edge.child.kill('SIGTERM');
      await edge.exit;
    },
  };
}

test('send-test comes from an address that the listener serves, and is forwarded', async () => {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const lan = own.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
  const edge = await edgeFor('lan', [lan]);
  const sent = edge.send('admin@example.com', '--json');
  assert.equal(await sent.exit, 0, sent.err());
  const { id, state } = JSON.parse(sent.out());
  assert.equal(state, 'forwarded');
  assert.equal(relay.taken.find((mail) => mail.id === id)?.envelope.client.address, lan);
  const refused = edge.send('not-an-address');
  assert.equal(await refused.exit, 1);
  assert.match(refused.err(), /^The edge refused the mail: 553 5\.1\.3 /);
  await edge.stop();
});

test('where no address of this machine is served, send-test says what to add', async () => {
  const edge = await edgeFor('elsewhere', ['203.0.113.0/24']);
  const sent = edge.send('admin@example.com');
  assert.equal(await sent.exit, 1);
  assert.match(
    sent.err(),
    /^No address of this machine is in clients of .*\(203\.0\.113\.0\/24\): add 127\.0\.0\.1 to it/,
  );
  await edge.stop();
});

test('a mail that somebody deleted was not forwarded', async () => {
  const edge = await edgeFor('deleted', ['127.0.0.0/8'], 'http://127.0.0.1:9');
  const sent = edge.send('admin@example.com', '--json');
  const ids = async () => {
    const list = edge.command('queue', 'list');
    await list.exit;
    return (JSON.parse(list.out()) as { id: string }[]).map(({ id }) => id);
  };
  await until('it waits', async () => (await ids()).length === 1);
  const [id] = await ids();
  const remove = async () => (await edge.command('queue', 'delete', id!).exit) === 0;
  await until('it is deleted', remove); // while an attempt is under way it is busy
  assert.equal(await sent.exit, 1);
  assert.deepEqual(JSON.parse(sent.out()), { id, state: 'gone' });
  await edge.stop();
});
