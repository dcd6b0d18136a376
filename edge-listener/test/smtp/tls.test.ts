// TLS in all the ways it begins: who is let in, who is sent away, and when it is over.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { makeCertificate } from '../../src/certificate.ts';
import { hashPassword } from '../../src/policy/passwordHash.ts';
import { oldDeviceProblem } from '../../src/smtp/tlsMaterial.ts';
import { connectRaw, createRawClient, greeted, type RawClient, sendMail } from '../support/smtpClient.ts';
import { writeCertificate } from '../support/testCertificate.ts';
import { until } from '../support/until.ts';
import { withEdge } from '../support/withEdge.ts';

/** An edge with one listener of this kind and a certificate. */
const listening =
  (kind: string, { listener = {}, ...more }: { listener?: object; limits?: object; users?: object[] } = {}) =>
  (directory: string) => ({
    certificate: writeCertificate(directory),
    listener: { tls: kind, ...listener },
    ...more,
  });

async function secured(port: number): Promise<RawClient> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const client = createRawClient(socket);
  assert.equal((await client.reply()).code, 220);
  await client.say('EHLO x');
  return client;
}

async function sendOver(client: RawClient): Promise<void> {
  for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.say(line);
  assert.equal((await client.say('Subject: x\r\n\r\n.')).code, 250);
  assert.equal((await client.say('QUIT')).code, 221);
  await client.closed;
}

describe('TLS', { concurrency: 4 }, () => {
  withEdge(
    'a session that went over to TLS and quit is over, also for the clocks',
    listening('starttls', { limits: { commandSeconds: 5, connectionsPerAddress: 1 } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      await client.say('STARTTLS');
      await client.startTls();
      await client.say('EHLO x');
      assert.equal((await client.say('QUIT')).code, 221);
      await client.closed;
      // A second silent session is the clock: the first one would be overdue before it.
      let silent = await connectRaw(edge.port);
      await until('the first one is counted out', async () => {
        if ((await silent.reply()).code === 220) return true;
        silent = await connectRaw(edge.port);
        return false;
      });
      await silent.closed;
      assert.equal(edge.seen('edge.tooSlow').length, 1);
    },
  );

  withEdge('a listener with TLS from the first byte takes mail', listening('implicit'), async ({ edge, relay }) => {
    await sendOver(await secured(edge.port));
    await until('it arrives', () => relay.taken.length === 1);
    assert.equal(relay.taken[0]!.envelope.client.tls, 'TLSv1.3');
  });

  for (const kind of ['implicit', 'auto'])
    withEdge(
      `${kind}: a TLS handshake that only trickles is ended, others are served meanwhile and after`,
      listening(kind, { limits: { handshakeSeconds: 1 } }),
      async ({ edge }) => {
        const drip = await connectRaw(edge.port);
        drip.write(Buffer.from('1603010200', 'hex'));
        const timer = setInterval(() => drip.write('\0'), 200);
        await sendOver(await secured(edge.port));
        await drip.closed;
        clearInterval(timer);
        assert.match(String(edge.seen('edge.tooSlow')[0]?.fields.reason), /TLS handshake/);
        await sendOver(await secured(edge.port));
        if (kind === 'auto') assert.equal((await sendMail(edge.port)).code, 250);
      },
    );

  withEdge(
    'starttls: a TLS handshake that only trickles is ended',
    listening('starttls', { limits: { handshakeSeconds: 1 } }),
    async ({ edge }) => {
      const drip = await greeted(edge.port);
      await drip.say('STARTTLS');
      drip.write(Buffer.from('1603010200', 'hex'));
      const timer = setInterval(() => drip.write('\0'), 200);
      await drip.closed;
      clearInterval(timer);
      assert.match(String(edge.seen('edge.tooSlow')[0]?.fields.reason), /TLS handshake/);
      assert.equal((await sendMail(edge.port)).code, 250);
    },
  );

  for (const kind of ['implicit', 'auto'])
    withEdge(
      `${kind}: a client outside the networks, or one too many, is sent away before any handshake`,
      listening(kind, { listener: { clients: ['127.0.0.1'] }, limits: { connectionsPerAddress: 1 } }),
      async ({ edge }) => {
        const held = await secured(edge.port);
        for (const localAddress of ['127.0.0.1', '127.0.0.2']) {
          const socket = tls.connect({
            socket: net.connect({ port: edge.port, host: '127.0.0.1', localAddress }),
            rejectUnauthorized: false,
          });
          await assert.rejects(
            new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject)),
          );
        }
        assert.deepEqual(
          edge.seen('edge.refusedConnection').map(({ fields }) => fields.address),
          ['127.0.0.1', '127.0.0.2'],
        );
        held.destroy();
      },
    );

  for (const kind of ['starttls', 'auto'])
    withEdge(
      `${kind}: no login is offered before TLS, so that no device shows its password; after it there is`,
      async (directory) => ({
        ...listening(kind, { listener: { auth: 'required' } })(directory),
        users: [{ name: 'u', passwordHash: await hashPassword('right') }],
      }),
      async ({ edge }) => {
        const login = `AUTH PLAIN ${Buffer.from('\0u\0right').toString('base64')}`;
        const client = await connectRaw(edge.port);
        await client.reply();
        const before = (await client.say('EHLO x')).text;
        assert.match(before, /STARTTLS/);
        assert.doesNotMatch(before, /AUTH/);
        assert.equal((await client.say(login)).code, 538);
        assert.equal((await client.say('MAIL FROM:<a@b.example>')).code, 530);
        await client.say('STARTTLS');
        await client.startTls();
        assert.match((await client.say('EHLO x')).text, /^250-AUTH PLAIN LOGIN\r?$/m);
        assert.equal((await client.say(login)).code, 235);
        await sendOver(client);
      },
    );

  withEdge(
    'very old clients find the offer of logins where they look, if that is switched on',
    async () => ({
      listener: { auth: 'optional', authBeforeTls: true, oldAuthSyntax: true },
      users: [{ name: 'u', passwordHash: await hashPassword('right') }],
    }),
    async ({ edge }) => {
      const client = await connectRaw(edge.port);
      await client.reply();
      assert.match((await client.say('EHLO x')).text, /^250-AUTH PLAIN LOGIN\r\n250-AUTH=PLAIN LOGIN\r?$/m);
      client.destroy();
    },
  );

  withEdge(
    'auto: a plain client waits for the banner once, not every time; one TLS hello from its address ends that',
    listening('auto'),
    async ({ edge }) => {
      const bannerAfter = async () => {
        const started = performance.now();
        const client = await connectRaw(edge.port);
        assert.equal((await client.reply()).code, 220);
        client.destroy();
        return performance.now() - started;
      };
      assert.ok((await bannerAfter()) >= 240);
      const known = [await bannerAfter(), await bannerAfter(), await bannerAfter()];
      assert.ok(Math.min(...known) < 240, String(known));
      const late = await connectRaw(edge.port);
      assert.equal((await late.reply()).code, 220);
      late.write(Buffer.from('1603010200', 'hex'));
      assert.match((await late.reply()).text, /^502 5\.5\.1 This port does not begin with TLS/);
      await late.closed;
      assert.ok((await bannerAfter()) >= 240);
      await sendOver(await secured(edge.port));
    },
  );

  withEdge(
    'a plain listener answers STARTTLS and a TLS hello in words, and the log says what would help',
    () => ({}),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      for (let i = 0; i < 12; i++)
        assert.match((await client.say('STARTTLS')).text, /^502 5\.5\.1 This port has no TLS/);
      assert.equal((await client.say('NOOP')).code, 250);
      client.destroy();
      for (const cut of [1, 3]) {
        const hello = await connectRaw(edge.port);
        await hello.reply();
        const bytes = Buffer.from('160301', 'hex');
        hello.write(bytes.subarray(0, cut));
        assert.match((await hello.reply()).text, /^502 5\.5\.1 This port does not begin with TLS/);
        await hello.closed;
      }
      assert.equal(edge.seen('edge.rejected').length, 14);
      for (const { fields } of edge.seen('edge.rejected')) assert.match(String(fields.hint), /tls: auto/);
    },
  );

  withEdge(
    'a listener uses its own certificate, the others the common one',
    (directory) => ({
      certificate: writeCertificate(directory),
      listeners: [{ own: true }, {}].map(({ own }) => ({
        host: '127.0.0.1',
        port: 0,
        clients: ['127.0.0.0/8'],
        tls: 'implicit',
        ...(own ? { certificate: writeCertificate(directory, 'own') } : {}),
      })),
    }),
    async ({ edge, directory }) => {
      for (const [i, name] of ['own', 'edge'].entries()) {
        const client = await secured(edge.ports[i]!);
        const { raw } = (client.socket as tls.TLSSocket).getPeerCertificate();
        assert.deepEqual(raw, new X509Certificate(readFileSync(`${directory}/${name}.pem`)).raw);
        client.destroy();
      }
    },
  );
});

test('a certificate that old devices do not take is noticed', () => {
  const { certificate } = makeCertificate({ names: ['edge.example.com'], days: 10 });
  assert.equal(oldDeviceProblem(certificate), undefined);
  const elliptic = `-----BEGIN CERTIFICATE-----
MIIBjTCCATOgAwIBAgIUPqk2tdDDYHYvhjPBd6TXOEKG+dYwCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQZWRnZS5leGFtcGxlLmNvbTAgFw0yNjExMjgwMzAyNDlaGA8y
MTI2MTEwNDAzMDI0OVowGzEZMBcGA1UEAwwQZWRnZS5leGFtcGxlLmNvbTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABF9T38/c+jlNp1A9FUZxj594h58Lme7A680v
/HOILLV2rP7ZouycHYWup/GObF5wrQTi5mSKKmw0/d/i5lWaW3KjUzBRMB0GA1Ud
DgQWBBT6c8GnehFQl6grXATQBfXC5N3rwTAfBgNVHSMEGDAWgBT6c8GnehFQl6gr
XATQBfXC5N3rwTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIBes
gwfe3uJ04tSCcFAZMOTzldOBFFXTAwqhogHfUDbkAiEAxXNJup+SONSGVhA12hND
cuCEKGkS3CdJ9D36sTgtMHs=
-----END CERTIFICATE-----`;
  assert.match(oldDeviceProblem(elliptic) ?? '', /RSA/);
});
