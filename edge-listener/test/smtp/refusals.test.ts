// Whatever a device is refused, the log and the inventory tell it, in words that help.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { createInventory, readInventory } from '../../src/inventory.ts';
import { hashPassword } from '../../src/policy/passwordHash.ts';
import { createOncePerMinute } from '../../src/smtp/oncePerMinute.ts';
import { type TestEdge, temporaryDirectory } from '../support/runEdge.ts';
import { connectRaw, greeted } from '../support/smtpClient.ts';
import { writeCertificate } from '../support/testCertificate.ts';
import { until } from '../support/until.ts';
import { withEdge } from '../support/withEdge.ts';

const reasons = (edge: TestEdge) => edge.seen('edge.rejected').map(({ fields }) => `${fields.code} ${fields.reason}`);

/** What the inventory of a stopped edge says of the one device that was there. */
async function rejectsOf(edge: TestEdge): Promise<Record<string, number>> {
  await edge.stop();
  const [device] = await readInventory(`${edge.spool}/devices.json`);
  return device?.rejects ?? {};
}

describe('refusals', { concurrency: 4 }, () => {
  withEdge(
    'what the library refuses is told like any other refusal, without a word of the client',
    async () => ({
      listener: { auth: 'required', authBeforeTls: true },
      users: [{ name: 'u', passwordHash: await hashPassword('right') }],
      maxMessageBytes: 1_500_000,
      limits: { recipients: 1 },
    }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      assert.equal((await client.say('MAIL FROM:<a@b.example>')).code, 530);
      assert.equal((await client.say('AUTH CRAM-MD5')).code, 504);
      assert.equal((await client.say('canary')).code, 500);
      await client.say(`AUTH PLAIN ${Buffer.from('\0u\0right').toString('base64')}`);
      assert.equal((await client.say('DATA')).code, 503);
      assert.equal((await client.say('MAIL FROM:<a@b.example> CANARY=1 CANARY=2')).code, 501);
      assert.match(
        (await client.say('MAIL FROM:<a@b.example> SIZE=1500001')).text,
        /^552 5\.3\.4 The message is larger than 1\.5 MB/,
      );
      await client.say('MAIL FROM:<a@b.example>');
      await client.say('RCPT TO:<a@b.example>');
      assert.equal((await client.say('RCPT TO:<b@b.example>')).code, 452);
      client.destroy();
      assert.deepEqual(
        edge.seen('edge.rejected').map(({ fields }) => fields.code),
        [530, 504, 500, 503, 501, 552, 452],
      );
      assert.doesNotMatch(reasons(edge).join(), /canary/i);
      const rejects = await rejectsOf(edge);
      assert.equal(Object.keys(rejects).length, 7, JSON.stringify(rejects));
    },
  );

  withEdge(
    'a client that is refused without end does not fill the log',
    () => ({ limits: { recipients: 1 } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      await client.say('MAIL FROM:<a@b.example>');
      for (let i = 0; i < 40; i++) await client.say(`RCPT TO:<r${i}@b.example>`);
      client.destroy();
      assert.equal(edge.seen('edge.rejected').length, 20);
    },
  );

  withEdge(
    'too many errors are told as well',
    () => ({ limits: { errorsPerConnection: 3 } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      client.write('X\r\nX\r\nX\r\n');
      await client.closed;
      assert.equal(edge.seen('edge.rejected').length, 3);
    },
  );

  withEdge(
    'strangers cost one line a minute, and are counted',
    () => ({ listener: { clients: ['192.0.2.0/24'] } }),
    async ({ edge }) => {
      for (let i = 0; i < 5; i++) await (await connectRaw(edge.port)).closed;
      assert.equal(edge.seen('edge.refusedConnection').length, 1);
      assert.deepEqual(Object.values(await rejectsOf(edge)), [5]);
    },
  );

  withEdge(
    'a device that knows only old TLS is named, with what would help',
    (directory) => ({ certificate: writeCertificate(directory), listener: { tls: 'starttls' } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      await client.say('STARTTLS');
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
      await assert.rejects(client.startTls(old));
      await until('it is told', () => edge.seen('edge.connectionError').length > 0);
      assert.match(String(edge.seen('edge.connectionError')[0]!.fields.hint), /legacyTls/);
      assert.match(Object.keys(await rejectsOf(edge)).join(), /legacyTls/);
    },
  );

  for (const end of ['\n.\n', '\n.\r\n'])
    withEdge(
      `a device that gives up after ${JSON.stringify(end)} is told of, with what would help`,
      () => ({}),
      async ({ edge }) => {
        const client = await greeted(edge.port);
        for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.say(line);
        client.socket.end(`Subject: x\n\n${'x'.repeat(40_000)}${end}`);
        await until('it is noticed', () => edge.seen('edge.clientGone').length > 0);
        assert.match(String(edge.seen('edge.clientGone')[0]!.fields.hint), /bareLfEnd/);
        assert.match(Object.keys(await rejectsOf(edge)).join(), /bareLfEnd/);
      },
    );

  withEdge(
    'a device that waits after LF . LF until its time is over is told of, with what would help',
    () => ({ limits: { commandSeconds: 5 } }),
    async ({ edge }) => {
      const client = await greeted(edge.port);
      for (const line of ['MAIL FROM:<a@b.example>', 'RCPT TO:<c@d.example>', 'DATA']) await client.say(line);
      client.write(`Subject: x\n\n${'x'.repeat(40_000)}\n.\n`);
      await client.closed;
      assert.equal(edge.seen('edge.tooSlow').length, 1);
      assert.match(String(edge.seen('edge.tooSlow')[0]!.fields.hint), /bareLfEnd/);
    },
  );
});

test('one of many equal reports a minute is let through, with their number', () => {
  let now = 0;
  const perMinute = createOncePerMinute(() => now);
  assert.deepEqual(['a', 'a', 'b', 'a'].map(perMinute), [1, 0, 1, 0]);
  now += 60_000;
  assert.deepEqual(['a', 'b', 'a'].map(perMinute), [3, 1, 0]);
});

test('a damaged inventory costs what is damaged, not the start', async () => {
  const { path, remove } = temporaryDirectory();
  const file = `${path}/devices.json`;
  const inventory = createInventory(Date.now);
  inventory.rejected('192.0.2.1', 'no');
  await inventory.save(file);
  const records = JSON.parse(await readFile(file, 'utf8')) as unknown[];
  writeFileSync(file, JSON.stringify([null, 7, { address: '192.0.2.2' }, ...records]));
  assert.deepEqual(
    (await readInventory(file)).map(({ address }) => address),
    ['192.0.2.1'],
  );
  for (const text of ['{}', 'null', '[', '']) {
    writeFileSync(file, text);
    assert.deepEqual(await readInventory(file), []);
  }
  remove();
});

test('strangers do not drive real devices out of the inventory', () => {
  const inventory = createInventory(Date.now);
  const mail = { helo: '', tls: '', user: '', mechanism: '', bytes: 1, from: 'a@b.example', to: ['c@d.example'] };
  inventory.accepted('printer', mail);
  for (let i = 0; i < 6000; i++) inventory.rejected(`stranger ${i}`, 'no');
  assert.equal(inventory.all().length, 5000);
  assert.equal(inventory.all()[0]!.address, 'printer');
});
