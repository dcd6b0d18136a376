// What belongs to people is in no log line, no metric and no heartbeat, whatever becomes of the mail.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { hashPassword } from '../../src/policy/passwordHash.ts';
import { type FakeRelay, startFakeRelay } from '../support/fakeRelay.ts';
import { installBundle } from '../support/runBundle.ts';
import { connectRaw } from '../support/smtpClient.ts';
import { until } from '../support/until.ts';

const bundle = installBundle();
let relay: FakeRelay;
before(async () => {
  relay = await startFakeRelay();
});
after(async () => {
  bundle.remove();
  await relay.close();
});

const CANARIES = ['canarysubject', 'canarybody', 'canarypassword', 'canarywrong', 'canaryrecipient'];

async function deliver(port: number, to: string, password: string): Promise<void> {
  const client = await connectRaw(port);
  await client.reply();
  await client.say('EHLO device');
  const login = await client.say(`AUTH PLAIN ${Buffer.from(`\0scanner\0${password}`).toString('base64')}`);
  if (login.code === 235) {
    await client.say('MAIL FROM:<scan@example.com>');
    if ((await client.say(`RCPT TO:<${to}>`)).code === 250) {
      await client.say('DATA');
      const reply = await client.say('From: scan@example.com\r\nSubject: canarysubject\r\n\r\ncanarybody\r\n.');
      assert.equal(reply.code, 250, reply.text);
    }
  }
  client.destroy();
}

test('no subject, body, password and recipient is said anywhere', async () => {
  const config = {
    name: 'canary',
    spool: { directory: './canary' },
    relay: { url: relay.url },
    operations: { port: 0 },
    users: [{ name: 'scanner', passwordHash: await hashPassword('canarypassword') }],
    listeners: [
      {
        host: '127.0.0.1',
        port: 0,
        clients: ['127.0.0.0/8'],
        auth: 'required',
        authBeforeTls: true,
        recipients: ['@example.com'],
      },
    ],
  };
  const edge = bundle.run(['start', '--config', bundle.config('canary', config)]);
  const port = await edge.port();
  const detail = 'Not a possible recipient address: "canaryrecipient@example.com": it has no mailbox.';
  const type = 'https://m365-smtp-relay.dev/problems/unprocessable-message';
  const body = JSON.stringify({ type, title: 'x', status: 422, detail });
  const headers = { 'content-type': 'application/problem+json' };
  relay.faults = [{ status: 500 }, { status: 422, headers, body }];
  await deliver(port, 'canaryrecipient@example.com', 'canarypassword'); // retried
  await deliver(port, 'canaryrecipient@example.com', 'canarypassword'); // refused by the function app
  await deliver(port, 'canaryrecipient@example.com', 'canarypassword'); // forwarded
  await deliver(port, 'canaryrecipient@elsewhere.example', 'canarypassword'); // refused here
  await deliver(port, 'canaryrecipient@example.com', 'canarywrong'); // no login
  for (const event of ['edge.retrying', 'edge.failed', 'edge.forwarded', 'edge.rejected', 'edge.loginFailed'])
    await until(`${event} in ${edge.out()}`, () => edge.out().includes(event));
  await until('a heartbeat comes', () => relay.heartbeats.length > 0);
  const operations = JSON.parse(
    edge
      .out()
      .split('\n')
      .find((line) => line.includes('edge.operations'))!,
  );
  const metrics = await (await fetch(`http://127.0.0.1:${operations.port}/metrics`)).text();
  edge.child.kill('SIGTERM');
  await edge.exit;
  const said = { log: edge.out() + edge.err(), metrics, heartbeat: JSON.stringify(relay.heartbeats) };
  for (const [where, text] of Object.entries(said))
    for (const canary of CANARIES)
      for (const form of [canary, Buffer.from(canary).toString('base64').slice(0, 12)])
        assert.ok(!text.includes(form), `${form} is in ${where}: ${text}`);
});
