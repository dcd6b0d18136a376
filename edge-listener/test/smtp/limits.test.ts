// What one client may ask of the edge, and what happens beyond it.
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { describe } from 'node:test';
import { hashPassword } from '../../src/policy/passwordHash.ts';
import { connectRaw, greeted, sendMail } from '../support/smtpClient.ts';
import { writeCertificate } from '../support/testCertificate.ts';
import { until } from '../support/until.ts';
import { withEdge } from '../support/withEdge.ts';

describe('limits', { concurrency: 4 }, () => {
  withEdge(
    'a client outside the networks is told why and sent away',
    () => ({ listener: { clients: ['192.0.2.0/24'] } }),
    async ({ edge }) => {
      const client = await connectRaw(edge.port);
      assert.match((await client.reply()).text, /^554 5\.7\.1 127\.0\.0\.1 is not in a network this relay serves/);
      await client.closed;
    },
  );

  withEdge(
    'connections of one address are limited, others are still served',
    () => ({ limits: { connectionsPerAddress: 3 } }),
    async ({ edge }) => {
      const held = await Promise.all([1, 2, 3].map(() => greeted(edge.port)));
      const fourth = await connectRaw(edge.port);
      assert.equal((await fourth.reply()).code, 421);
      const other = await greeted(edge.port, '127.0.0.2');
      assert.equal((await other.say('NOOP')).code, 250);
      held[0]!.destroy();
      await until('room again', async () => {
        const next = await connectRaw(edge.port);
        const { code } = await next.reply();
        next.destroy();
        return code === 220;
      });
      for (const client of [...held, other]) client.destroy();
    },
  );

  withEdge(
    'connections of all addresses together are limited, also over several listeners',
    () => ({
      limits: { connections: 2 },
      listeners: [0, 0].map((port) => ({ host: '127.0.0.1', port, clients: ['127.0.0.0/8'] })),
    }),
    async ({ edge }) => {
      const held = [await greeted(edge.ports[0]!, '127.0.0.2'), await greeted(edge.ports[1]!, '127.0.0.3')];
      const third = await connectRaw(edge.ports[0]!, { localAddress: '127.0.0.4' });
      assert.equal((await third.reply()).code, 421);
      await third.closed;
      for (const client of held) client.destroy();
    },
  );

  withEdge(
    'an IPv6 listener serves its networks, and no others',
    () => ({
      listeners: [['::1/128'], ['fd00::/8']].map((clients) => ({ host: '::1', port: 0, clients })),
    }),
    async ({ edge, relay }) => {
      assert.equal((await sendMail(edge.ports[0]!, { host: '::1' })).code, 250);
      await until('it arrives', () => relay.taken.length === 1);
      assert.equal(relay.taken[0]!.envelope.client.address, '::1');
      const stranger = await connectRaw(edge.ports[1]!, { host: '::1' });
      assert.match((await stranger.reply()).text, /^554 5\.7\.1 ::1 is not in a network/);
    },
  );

  withEdge(
    'a message that takes too long is ended, however steadily it comes',
    () => ({ limits: { messageSeconds: 5 } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.say(line);
      const drip = setInterval(() => client.write('x'.repeat(1000)), 100);
      await client.closed;
      clearInterval(drip);
      assert.match(String(edge.seen('edge.tooSlow')[0]?.fields.reason), /a message took longer than 5 s/);
      await until('it is dropped', () => edge.seen('edge.clientGone').length === 1);
    },
  );

  withEdge(
    'a message of 40 MB has its 250 within five seconds of its last byte',
    () => ({ maxMessageBytes: 50_000_000 }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.say(line);
      client.write('Subject: x\r\n\r\n');
      const lines = Buffer.from(`${'x'.repeat(74)}\r\n`.repeat(13_000));
      for (let i = 0; i < 40; i++)
        await new Promise<void>((resolve, reject) =>
          client.socket.write(lines, (error) => (error ? reject(error) : resolve())),
        );
      const started = performance.now();
      client.write('.\r\n');
      assert.equal((await client.reply()).code, 250);
      const milliseconds = performance.now() - started;
      assert.ok(milliseconds < 5000, `${milliseconds} ms`);
      client.destroy();
    },
  );

  withEdge(
    'errors, messages and commands of one connection are limited',
    () => ({ limits: { errorsPerConnection: 5, messagesPerConnection: 2 } }),
    async ({ edge }) => {
      const wrong = await greeted(edge.port);
      const codes = [];
      for (let i = 0; i < 5; i++) codes.push((await wrong.say('MAIL FROM:<a@b@c>')).code);
      assert.deepEqual(codes.slice(0, 4), [553, 553, 553, 553]);
      await wrong.closed;
      const many = await greeted(edge.port);
      for (let i = 0; i < 2; i++) {
        for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<a@b.example>', 'DATA']) await many.say(line);
        assert.equal((await many.say('Subject: x\r\n\r\n.')).code, 250);
      }
      assert.equal((await many.say('MAIL FROM:<a@b.example>')).code, 421);
      await many.closed;
      const flood = await greeted(edge.port);
      flood.write('NOOP\r\n'.repeat(5000));
      await flood.closed;
    },
  );

  withEdge(
    'a device beyond its rate is told 451 4.7.1, another one is not',
    () => ({
      limits: { messagesPerMinute: 3 },
      devices: [{ name: 'busy', clients: ['127.0.0.8'], messagesPerMinute: 0 }],
    }),
    async ({ edge }) => {
      for (let i = 0; i < 3; i++) assert.equal((await sendMail(edge.port)).code, 250);
      assert.match((await sendMail(edge.port)).text, /^451 4\.7\.1 /);
      const busy = await greeted(edge.port, '127.0.0.8');
      for (let i = 0; i < 6; i++) {
        assert.equal((await busy.say('MAIL FROM:<a@b.example>')).code, 250);
        await busy.say('RSET');
      }
      busy.destroy();
    },
  );

  withEdge(
    'guessing passwords ends in a ban, with PLAIN too',
    async () => ({
      listener: { auth: 'required', authBeforeTls: true },
      users: [{ name: 'u', passwordHash: await hashPassword('right') }],
    }),
    async ({ edge }) => {
      const guess = (password: string) => `AUTH PLAIN ${Buffer.from(`\0u\0${password}`).toString('base64')}`;
      const client = await greeted(edge.port);
      assert.equal((await client.say('MAIL FROM:<a@b.example>')).code, 530);
      assert.equal((await client.say(guess('1'))).code, 535);
      assert.equal((await client.say(guess('2'))).code, 535);
      assert.equal((await client.say(guess('3'))).code, 421);
      await client.closed;
      const again = await greeted(edge.port);
      assert.equal((await again.say(guess('right'))).code, 421, 'even the right one has to wait');
      const other = await greeted(edge.port, '127.0.0.2');
      assert.equal((await other.say(guess('right'))).code, 235);
      other.destroy();
    },
  );

  withEdge(
    '100,000 recipients do not fit, and cost little',
    () => ({ limits: { recipients: 10 } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      await client.say('MAIL FROM:<a@b.example>');
      for (let i = 0; i < 10; i++) assert.equal((await client.say(`RCPT TO:<r${i}@b.example>`)).code, 250);
      assert.match((await client.say('RCPT TO:<r11@b.example>')).text, /^452 4\.5\.3 /);
      client.write(Array.from({ length: 100_000 }, (_, i) => `RCPT TO:<x${i}@b.example>\r\n`).join(''));
      await client.closed;
      assert.equal((await sendMail(edge.port)).code, 250);
    },
  );

  withEdge(
    'trickling commands do not hold a connection',
    () => ({ limits: { commandSeconds: 5 } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      const drip = setInterval(() => client.write('N'), 300);
      await client.closed;
      clearInterval(drip);
      assert.equal(edge.seen('edge.tooSlow').length, 1);
    },
  );

  withEdge(
    'no room is said before the message',
    () => ({ spool: { directory: '', minFreeBytes: Number.MAX_SAFE_INTEGER } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      assert.match((await client.say('MAIL FROM:<a@b.example>')).text, /^452 4\.3\.1 /);
      client.destroy();
    },
  );

  withEdge(
    'rules of listener, device and user hold for the envelope and for From and Sender',
    () => ({
      listener: { senders: ['@contoso.com'], recipients: ['@contoso.com', '@partner.example'] },
      devices: [
        { name: 'scanner', clients: ['127.0.0.3'], senders: ['scan@contoso.com'], recipients: ['@contoso.com'] },
        { name: 'old', clients: ['127.0.0.4'], sender: 'old@contoso.com' },
      ],
    }),
    async ({ edge, relay }) => {
      const attempt = async (address: string, from: string, to: string, header: string) => {
        const client = await greeted(edge.port, address);
        try {
          for (const line of [`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA']) {
            const { code, text } = await client.say(line);
            if (code >= 400) return text.slice(0, 9);
          }
          return (await client.say(`${header}\r\n\r\nx\r\n.`)).text.slice(0, 9);
        } finally {
          client.destroy();
        }
      };
      const ok = '250 2.6.0';
      const no = '550 5.7.1';
      assert.equal(await attempt('127.0.0.2', 'a@contoso.com', 'b@partner.example', 'From: a@contoso.com'), ok);
      assert.equal(await attempt('127.0.0.2', 'a@evil.example', 'b@contoso.com', 'From: a@contoso.com'), no);
      assert.equal(await attempt('127.0.0.2', 'a@contoso.com', 'b@evil.example', 'From: a@contoso.com'), no);
      assert.equal(
        await attempt('127.0.0.2', 'a@contoso.com', 'b@contoso.com', 'From: "a@contoso.com" <ceo@evil.example>'),
        no,
      );
      assert.equal(
        await attempt(
          '127.0.0.2',
          'a@contoso.com',
          'b@contoso.com',
          'From: a@contoso.com\r\nSender:\r\n x@evil.example',
        ),
        no,
      );
      assert.equal(await attempt('127.0.0.2', '', 'b@contoso.com', 'Subject: no From'), ok);
      assert.equal(await attempt('127.0.0.3', 'scan@contoso.com', 'b@contoso.com', 'From: scan@contoso.com'), ok);
      assert.equal(await attempt('127.0.0.3', 'a@contoso.com', 'b@contoso.com', 'From: scan@contoso.com'), no);
      assert.equal(await attempt('127.0.0.3', 'scan@contoso.com', 'b@partner.example', 'From: scan@contoso.com'), no);
      assert.equal(await attempt('127.0.0.4', 'whatever@printer', 'b@contoso.com', 'Subject: x'), ok);
      await until('it arrives', () => relay.taken.some(({ envelope }) => envelope.from === 'old@contoso.com'));
    },
  );

  withEdge(
    'rules of a user hold for who logged in, and for nobody else',
    async () => {
      const passwordHash = await hashPassword('right');
      return {
        listener: { auth: 'optional', authBeforeTls: true },
        users: [
          { name: 'scan', passwordHash, senders: ['scan@contoso.com'], recipients: ['@contoso.com'] },
          { name: 'any', passwordHash },
        ],
      };
    },
    async ({ edge }) => {
      const codes = async (user: string, from: string, to: string, header: string) => {
        const client = await greeted(edge.port);
        if (user) {
          const token = Buffer.from(`\0${user}\0right`).toString('base64');
          assert.equal((await client.say(`AUTH PLAIN ${token}`)).code, 235);
        }
        try {
          for (const line of [`MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, 'DATA']) {
            const { code } = await client.say(line);
            if (code >= 400) return code;
          }
          return (await client.say(`From: ${header}\r\n\r\nx\r\n.`)).code;
        } finally {
          client.destroy();
        }
      };
      const [scan, boss, bob, out] = ['scan@contoso.com', 'boss@contoso.com', 'bob@contoso.com', 'x@evil.example'];
      assert.equal(await codes('scan', scan, bob, scan), 250);
      assert.equal(await codes('scan', boss, bob, scan), 550);
      assert.equal(await codes('scan', scan, out, scan), 550);
      assert.equal(await codes('scan', scan, bob, boss), 550);
      assert.equal(await codes('scan', scan, bob, `<${scan}> <${boss}>`), 550);
      assert.equal(await codes('any', boss, out, boss), 250);
      assert.equal(await codes('', boss, out, boss), 250);
    },
  );

  withEdge(
    'mail that goes round in a circle is refused',
    () => ({}),
    async ({ edge }) => {
      const data = `${'Received: from a by b\r\n'.repeat(101)}Subject: x\r\n\r\nx\r\n`;
      assert.match((await sendMail(edge.port, { data })).text, /^554 5\.4\.6 /);
      assert.equal((await sendMail(edge.port, { data: data.replace(/^.*\r\n/, '') })).code, 250);
    },
  );

  withEdge(
    'a header without end is refused, however it is cut',
    () => ({}),
    async ({ edge }) => {
      const data = `Subject: x\r\n${'X-Filler: x\r\n'.repeat(25_000)}\r\nbody\r\n`;
      assert.match((await sendMail(edge.port, { data })).text, /^554 5\.6\.0 /);
      assert.equal((await sendMail(edge.port)).code, 250);
    },
  );

  withEdge(
    'a new certificate is used without a restart',
    (directory) => ({
      certificate: writeCertificate(directory),
      listener: { tls: 'starttls' },
    }),
    async ({ edge, directory }) => {
      const fingerprint = async () => {
        const client = await greeted(edge.port);
        await client.say('STARTTLS');
        await client.startTls();
        const certificate = (client.socket as import('node:tls').TLSSocket).getPeerCertificate();
        client.destroy();
        return certificate.fingerprint256;
      };
      const before = await fingerprint();
      const { certificateFile, keyFile } = writeCertificate(directory, 'new', 10);
      renameSync(keyFile, `${directory}/edge.key`);
      renameSync(certificateFile, `${directory}/edge.pem`);
      await until('it is read again', () => edge.seen('edge.certificateReloaded').length === 1, 15_000);
      assert.notEqual(await fingerprint(), before);
      assert.equal(edge.seen('edge.certificateExpiring').length, 1);
    },
  );
});
