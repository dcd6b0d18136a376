// Microsoft Entra instead of a key: the edge proves itself with a certificate, and the mail waits while it gets no token.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type FakeAuthority, startFakeAuthority } from '../support/fakeAuthority.ts';
import { type FakeRelay, startFakeRelay } from '../support/fakeRelay.ts';
import { installBundle } from '../support/runBundle.ts';
import { connectRaw } from '../support/smtpClient.ts';
import { writeCertificate } from '../support/testCertificate.ts';
import { until } from '../support/until.ts';

const bundle = installBundle();
const { certificateFile: publicHalf, keyFile } = writeCertificate(bundle.directory, 'application');
const certificateFile = join(bundle.directory, 'both.pem');
writeFileSync(certificateFile, readFileSync(publicHalf, 'utf8') + readFileSync(keyFile, 'utf8'));
let relay: FakeRelay;
let authority: FakeAuthority;
before(async () => {
  relay = await startFakeRelay();
  relay.credentials = /^Bearer token-\d+$/;
  authority = await startFakeAuthority(bundle.directory, publicHalf);
});
after(async () => {
  bundle.remove();
  await relay.close();
  await authority.close();
});

function configure(name: string, changes: Record<string, unknown> = {}): string {
  const listeners = [{ host: '127.0.0.1', port: 0, clients: ['127.0.0.0/8'] }];
  const application = { scope: 'api://relay/.default', tenantId: 'the-tenant', clientId: 'the-app', certificateFile };
  const entra = { ...application, authority: authority.url, ...changes };
  return bundle.config(name, { name, spool: { directory: `./${name}` }, relay: { url: relay.url, entra }, listeners });
}

async function send(port: number, count: number): Promise<void> {
  const client = await connectRaw(port);
  await client.reply();
  await client.say('EHLO x');
  for (let i = 0; i < count; i++) {
    for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.say(line);
    assert.equal((await client.say(`Subject: ${i}\r\n\r\nbody\r\n.`)).code, 250);
  }
  client.destroy();
}

test('a certificate gets a token, which serves until it runs out, however much is under way', async () => {
  const edge = bundle.run(['start', '--config', configure('certified')], { NODE_EXTRA_CA_CERTS: authority.caFile });
  await send(await edge.port(), 20);
  await until('all are forwarded', () => relay.taken.length === 20, 15_000);
  assert.deepEqual(authority.problems, []);
  assert.equal(authority.asked.length, 1, 'one token for all');
  assert.equal(authority.asked[0]!.get('scope'), 'api://relay/.default');
  assert.ok(relay.taken.every(({ headers }) => headers.authorization === 'Bearer token-1'));
  assert.doesNotMatch(edge.out() + edge.err(), /token-\d|PRIVATE|eyJ/, 'neither token, key nor assertion is logged');
  edge.child.kill('SIGTERM');
  assert.equal(await edge.exit, 0, edge.err());
});

test('a token about to run out is renewed before it is used again', async () => {
  const [taken, asked] = [relay.taken.length, authority.asked.length];
  authority.lifeSeconds = 60;
  const edge = bundle.run(['start', '--config', configure('renewing')], { NODE_EXTRA_CA_CERTS: authority.caFile });
  const port = await edge.port();
  for (let i = 1; i <= 3; i++) {
    await send(port, 1);
    await until('it is forwarded', () => relay.taken.length === taken + i, 15_000);
  }
  authority.lifeSeconds = 3600;
  assert.ok(authority.asked.length >= asked + 3, `${authority.asked.length - asked} tokens`);
  assert.equal(new Set(relay.taken.slice(taken).map(({ headers }) => headers.authorization)).size, 3);
  edge.child.kill('SIGTERM');
  assert.equal(await edge.exit, 0, edge.err());
});

test('while the authority refuses, mail is taken and kept, the reason is told, and it goes when that is over', async () => {
  const [taken, asked] = [relay.taken.length, authority.asked.length];
  authority.refusal = 'AADSTS700027: The certificate with identifier used to sign the client assertion is expired.';
  const edge = bundle.run(['start', '--config', configure('refused')], { NODE_EXTRA_CA_CERTS: authority.caFile });
  await send(await edge.port(), 1);
  await until('the reason is told', () => /"edge.retrying".*gave no token: .*AADSTS700027/.test(edge.out()), 15_000);
  assert.equal(relay.taken.length, taken);
  authority.refusal = undefined;
  await until('it is forwarded', () => relay.taken.length === taken + 1, 60_000);
  assert.equal(relay.taken.at(-1)!.headers.authorization, `Bearer token-${asked + 1}`);
  edge.child.kill('SIGTERM');
  assert.equal(await edge.exit, 0, edge.err());
});

test('what cannot work is said before anything starts', async () => {
  const check = async (changes: Record<string, unknown>) => {
    const run = bundle.run(['check', '--config', configure('checked', changes)]);
    assert.equal(await run.exit, 2);
    return run.out() + run.err();
  };
  assert.match(
    await check({ certificateFile: publicHalf }),
    /relay\.entra\.certificateFile: expected a certificate and its key/,
  );
  assert.match(await check({ certificateFile: 'none.pem' }), /relay\.entra\.certificateFile: .*none\.pem: ENOENT/);
  assert.match(await check({ authority: 'http://login.contoso.com' }), /expected a host alone/);
});
