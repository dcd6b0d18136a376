// The commands of the bundle, as their user runs them.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type FakeRelay, startFakeRelay } from './support/fakeRelay.ts';
import { installBundle } from './support/runBundle.ts';
import { connectRaw, sendMail } from './support/smtpClient.ts';
import { until } from './support/until.ts';

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

const working = (name: string, port = 0) => ({
  name,
  spool: { directory: `./spool-${name}` },
  relay: { url: relay.url },
  listeners: [{ host: '127.0.0.1', port, clients: ['127.0.0.0/8'] }],
  limits: { connectionsPerAddress: 0 },
});

test('the operator sees, exports, holds, retries and deletes mail, of a running edge and of a stopped one', async () => {
  const file = config('operator', { ...working('operator'), relay: { url: 'http://127.0.0.1:9' } });
  const edge = run(['start', '--config', file]);
  const port = await edge.port();
  for (let i = 0; i < 3; i++) assert.equal((await sendMail(port, { data: `Subject: ${i}\r\n\r\nbody\r\n` })).code, 250);
  await until('all three were tried', () => edge.out().split('edge.retrying').length > 3);
  const command = async (...args: string[]) => {
    const done = run([...args, '--config', file, '--json'], {});
    const code = await done.exit;
    return { code, out: done.out(), err: done.err() };
  };
  const queue = async () => JSON.parse((await command('queue', 'list')).out) as { id: string; state: string }[];
  for (const state of ['running', 'stopped']) {
    if (state === 'stopped') {
      edge.child.kill('SIGTERM');
      assert.equal(await edge.exit, 0);
    }
    const [first] = await queue();
    const { id } = first!;
    assert.equal((await command('queue', 'hold', id)).code, 0);
    assert.equal((await queue()).find((item) => item.id === id)?.state, 'failed');
    assert.equal(JSON.parse((await command('queue', 'show', id)).out).envelope.from, 'scanner@example.com');
    assert.match((await command('queue', 'export', id)).out, /^Subject: \d\r\n\r\nbody\r\n$/);
    assert.equal((await command('queue', 'retry', id)).code, 0);
    const [, other] = await queue();
    await command('queue', 'hold', other!.id);
    assert.equal((await command('queue', 'delete', '--all')).code, 0);
    assert.equal((await command('queue', 'delete', other!.id)).code, 1);
    assert.equal((await command('queue', 'frobnicate')).code, 2);
  }
  assert.equal((await queue()).length, 1);
  const [device] = JSON.parse((await command('devices')).out) as Record<string, unknown>[];
  assert.equal(device?.address, '127.0.0.1');
  assert.equal(device?.accepted, 3);
  assert.deepEqual([device?.senders, device?.recipientDomains], [['scanner@example.com'], ['example.com']]);
});

test('check says that all is well, with --online also that the relay knows the key', async () => {
  const file = config('check', working('check'));
  const fine = run(['check', '--config', file, '--online', '--json']);
  assert.equal(await fine.exit, 0, fine.out());
  assert.deepEqual(JSON.parse(fine.out()), { ok: true, problems: [] });
  const wrong = run(['check', '--config', file, '--online'], { RELAY_KEY: 'wrong' });
  assert.equal(await wrong.exit, 1);
  assert.match(wrong.out(), /^relay\.url: .*HTTP 401, unauthorized/);
});

test('hash-password and make-certificate make what the configuration takes', async () => {
  const hashed = run(['hash-password', '--json']);
  hashed.child.stdin!.end('geheim\n');
  assert.equal(await hashed.exit, 0);
  const { passwordHash } = JSON.parse(hashed.out()) as { passwordHash: string };
  const made = run(['make-certificate', '--names', 'edge.example.com,192.0.2.1', '--out', directory]);
  assert.equal(await made.exit, 0, made.err());
  assert.equal(await run(['make-certificate', '--names', 'x', '--out', directory]).exit, 1, 'nothing is overwritten');
  const file = config('made', {
    ...working('made'),
    certificate: { certificateFile: 'edge.pem', keyFile: 'edge.key' },
    users: [{ name: 'scanner', passwordHash }],
    listeners: [{ host: '127.0.0.1', port: 0, clients: ['127.0.0.1'], tls: 'starttls', auth: 'required' }],
  });
  const checked = run(['check', '--config', file]);
  assert.equal(await checked.exit, 0, checked.out());
});

test('a certificate for an IPv6 address has it as an address, and needs a directory that is there', async () => {
  const names = ['fd00:10::25', '::1', '2001:db8:1:2:3:4:5:6'];
  const made = run(['make-certificate', '--names', names.join(), '--out', directory, '--force']);
  assert.equal(await made.exit, 0, made.err());
  const certificate = new X509Certificate(readFileSync(join(directory, 'edge.pem')));
  for (const name of names) assert.equal(certificate.checkIP(name), name);
  const nowhere = run(['make-certificate', '--names', 'x', '--out', join(directory, 'none')]);
  assert.equal(await nowhere.exit, 2);
  assert.match(nowhere.err(), /^--out: expected a directory that is there; got .*none\.$/m);
});

test('an old Node is told which one is needed', async () => {
  const old = join(directory, 'old.cjs');
  writeFileSync(old, "Object.defineProperty(process.versions, 'node', { value: '18.20.4' });");
  const edge = run(['--version'], { NODE_OPTIONS: `--require ${old}` });
  assert.equal(await edge.exit, 1);
  assert.match(edge.err(), /^The edge listener needs Node 22\.18 or newer; this is v.*\. See nodejs\.org\.$/m);
});

test('the schema in the repository is the one of the configuration', async () => {
  const printed = run(['schema']);
  assert.equal(await printed.exit, 0);
  const kept = readFileSync(fileURLToPath(new URL('../edge.schema.json', import.meta.url)), 'utf8');
  assert.deepEqual(JSON.parse(printed.out()), JSON.parse(kept), 'run: npm run schema');
});

test('the sample configuration is in order but for the certificate it asks to make', async () => {
  const sample = fileURLToPath(new URL('../edge.sample.yaml', import.meta.url));
  const checked = run(['check', '--config', sample, '--json']);
  await checked.exit;
  const { problems } = JSON.parse(checked.out()) as { problems: string[] };
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0]!, /^certificate: expected a certificate and its key/);
});

test('the function app is reached through the proxy of the environment', async () => {
  const made = run(['make-certificate', '--names', '127.0.0.1', '--out', directory, '--force']);
  assert.equal(await made.exit, 0);
  const pem = join(directory, 'edge.pem');
  const front = https.createServer(
    { cert: readFileSync(pem), key: readFileSync(join(directory, 'edge.key')) },
    (request, response) => {
      const { method, url: path, headers } = request;
      request.pipe(
        http.request(relay.url + path, { method: method!, headers }, (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        }),
      );
    },
  );
  const tunnels: string[] = [];
  const proxy = http.createServer().on('connect', (request, socket, head) => {
    tunnels.push(request.url!);
    const [host, port] = request.url!.split(':');
    const on = net.connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      on.write(head);
      on.pipe(socket).pipe(on);
    });
    for (const end of [on, socket]) end.on('error', () => on.destroy());
  });
  for (const server of [front, proxy]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const portOf = (server: net.Server) => (server.address() as net.AddressInfo).port;
  const url = `https://127.0.0.1:${portOf(front)}`;
  const file = config('proxy', { ...working('proxy'), relay: { url } });
  const environment = {
    RELAY_KEY: 'test-key',
    HTTPS_PROXY: `http://127.0.0.1:${portOf(proxy)}`,
    NODE_EXTRA_CA_CERTS: pem,
  };
  const edge = run(['start', '--config', file], environment);
  const count = relay.taken.length;
  assert.equal((await sendMail(await edge.port())).code, 250);
  await until(`the mail arrives (${edge.out()})`, () => relay.taken.length > count);
  assert.ok(tunnels.length > 0 && tunnels.every((to) => to === `127.0.0.1:${portOf(front)}`), tunnels.join());
  edge.child.kill('SIGTERM');
  await edge.exit;
  const direct = run(['check', '--config', file, '--online'], { ...environment, NO_PROXY: '127.0.0.1' });
  const before = tunnels.length;
  assert.equal(await direct.exit, 0, direct.out());
  assert.equal(tunnels.length, before);
  front.close();
  proxy.close();
});

test('a managed identity gives the token, and no key is needed', async () => {
  const asked: string[] = [];
  const identity = http.createServer((request, response) => {
    asked.push(request.url!);
    const expires = String(Math.floor(Date.now() / 1000) + 3600);
    const token = { access_token: 'test-key', expires_on: expires, resource: 'api://relay', token_type: 'Bearer' };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token));
  });
  await new Promise<void>((resolve) => identity.listen(0, '127.0.0.1', resolve));
  const { port } = identity.address() as net.AddressInfo;
  const entra = { managedIdentity: true, scope: 'api://relay/.default' };
  const file = config('entra', { ...working('entra'), relay: { url: relay.url, entra } });
  const environment = { IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/token`, IDENTITY_HEADER: 'secret' };
  const edge = run(['start', '--config', file], environment);
  const count = relay.taken.length;
  for (let i = 0; i < 3; i++) assert.equal((await sendMail(await edge.port())).code, 250);
  await until(`the mails arrive (${edge.out()})`, () => relay.taken.length === count + 3, 20_000);
  assert.equal(asked.length, 1, 'one token serves many requests');
  assert.match(asked[0]!, /resource=api/);
  edge.child.kill('SIGTERM');
  assert.equal(await edge.exit, 0);
  identity.close();
});

test('a second edge on the same spool is refused', async () => {
  const file = config('twice', working('twice'));
  const first = run(['start', '--config', file]);
  await first.port();
  const second = run(['start', '--config', file]);
  assert.equal(await second.exit, 1);
  assert.match(second.err(), /^The edge cannot start: the spool .* is in use by another edge listener\.$/m);
  first.child.kill('SIGKILL');
  await first.exit;
  const third = run(['start', '--config', file]);
  await third.port();
  third.child.kill('SIGTERM');
  assert.equal(await third.exit, 0);
});

test('every problem of a configuration is listed at once, with name, expected and got', async () => {
  const file = config('broken', {
    name: 'has blank',
    spool: {},
    relay: { url: 'http://relay.example', paralel: 3 },
    maxMessageBytes: '35 MB',
    listeners: [
      { host: '127.0.0.1', port: 70000, clients: [] },
      { host: '::', port: 25, clients: ['10.0.0.0/33'] },
    ],
  });
  const edge = run(['start', '--config', file]);
  assert.equal(await edge.exit, 2);
  for (const problem of [
    /^name: expected .*; got "has blank"$/m,
    /^spool\.directory: expected a directory; got nothing$/m,
    /^relay\.url: expected https:\/\/.*; got "http:\/\/relay\.example"$/m,
    /^relay\.paralel: expected nothing of this name/m,
    /^maxMessageBytes: expected a whole number .*; got "35 MB"$/m,
    /^listeners\[0\]\.port: expected .*; got 70000$/m,
    /^listeners\[0\]\.clients: expected at least one network.*; got \[\]$/m,
    /^listeners\[1\]\.clients\[0\]: expected a prefix length from 0 to 32/m,
  ])
    assert.match(edge.err(), problem);
});

test('a missing key, a missing file and broken YAML are one clear sentence each', async () => {
  const noKey = run(['start', '--config', config('no-key', working('no-key'))], {});
  assert.equal(await noKey.exit, 2);
  assert.match(noKey.err(), /^environment variable RELAY_KEY: expected the key of this edge; got nothing$/m);
  const noFile = run(['start', '--config', join(directory, 'none.yaml')]);
  assert.equal(await noFile.exit, 2);
  assert.match(noFile.err(), /none\.yaml: cannot be read \(ENOENT\)/);
  writeFileSync(join(directory, 'bad.yaml'), 'name: [\n');
  const bad = run(['start', '--config', join(directory, 'bad.yaml')]);
  assert.equal(await bad.exit, 2);
  assert.match(bad.err(), /bad\.yaml: line \d/);
});

test('a port in use is one clear sentence and exit code 1', async () => {
  const other = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as net.AddressInfo;
  const edge = run(['start', '--config', config('port', working('port', port))]);
  assert.equal(await edge.exit, 1);
  assert.match(
    edge.err(),
    new RegExp(`^The edge cannot start: port ${port} on 127.0.0.1 is in use by another program.$`, 'm'),
  );
  other.close();
});

test('SIGTERM lets the message under way finish, then ends with exit code 0', async () => {
  const edge = run(['start', '--config', config('term', working('term'))]);
  const port = await edge.port();
  const idle = await connectRaw(port);
  await idle.reply();
  const client = await connectRaw(port);
  await client.reply();
  for (const line of ['EHLO x', 'MAIL FROM:<a@b.example>', 'RCPT TO:<a@b.example>', 'DATA']) await client.say(line);
  client.write('Subject: slow\r\n\r\n');
  edge.child.kill('SIGTERM');
  assert.equal((await idle.reply()).code, 421);
  assert.equal((await client.say('the rest\r\n.')).code, 250);
  assert.equal(await edge.exit, 0);
  const again = run(['start', '--config', join(directory, 'term.yaml')]);
  await again.port();
  await until('the message arrives', () => relay.taken.some((m) => m.body.includes('Subject: slow')), 30_000);
  again.child.kill('SIGTERM');
  assert.equal(await again.exit, 0);
});

test('SIGKILL at any time loses no mail that got a 250, and sends no torn one', async () => {
  const file = config('kill', working('kill'));
  const promised = new Set<string>();
  const digests = new Map<string, string>();
  let n = 0;
  for (let round = 0; round < 6; round++) {
    const edge = run(['start', '--config', file]);
    const port = await edge.port();
    let killed = false;
    const senders = Array.from({ length: 6 }, async (_, sender) => {
      while (!killed) {
        const data = `Subject: ${++n}\r\n\r\n${'body\r\n'.repeat(sender === 0 ? 60_000 : 50)}`;
        const reply = await sendMail(port, { data }).catch(() => undefined);
        const id = reply && /Kept as (\S+)/.exec(reply.text)?.[1];
        if (!id) continue;
        promised.add(id);
        digests.set(id, createHash('sha256').update(data).digest('hex'));
      }
    });
    const target = promised.size + 20 + round * 7;
    await until('enough mail was promised', () => promised.size >= target, 20_000);
    killed = true;
    edge.child.kill('SIGKILL');
    await edge.exit;
    await Promise.all(senders);
  }
  const last = run(['start', '--config', file]);
  await last.port();
  await until('all of it arrives', () => [...promised].every((id) => relay.taken.some((m) => m.id === id)), 40_000);
  for (const { id, body } of relay.taken) {
    if (digests.has(id)) assert.equal(createHash('sha256').update(body).digest('hex'), digests.get(id), id);
  }
  last.child.kill('SIGTERM');
  assert.equal(await last.exit, 0);
});
