// A log that nobody reads stops no mail.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
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

test('an edge whose log is not read goes on, and says afterwards how much it did not say', async () => {
  const listeners = [{ host: '127.0.0.1', port: 0, clients: ['127.0.0.0/8'] }];
  const limits = { connectionsPerAddress: 0, errorsPerConnection: 10_000 };
  const text = { name: 'unread', spool: { directory: './unread' }, relay: { url: relay.url }, listeners, limits };
  const edge = bundle.run(['start', '--config', bundle.config('unread', text)]);
  const port = await edge.port();
  edge.child.stdout!.pause();
  // Each refusal is a line: more than a pipe and the writer hold together.
  for (let i = 0; i < 150; i++) {
    const client = await connectRaw(port);
    await client.reply();
    await client.say('EHLO x');
    client.write('MAIL FROM:<not an address>\r\n'.repeat(80));
    for (let n = 0; n < 80; n++) assert.match((await client.reply()).text, /^5/);
    client.destroy();
  }
  edge.child.stdout!.resume();
  await until('the rest of the log comes', () => edge.out().includes('edge.logDropped'));
  edge.child.kill('SIGTERM');
  assert.equal(await edge.exit, 0);
  const lines = edge
    .out()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; lines?: number });
  assert.ok(lines.some(({ event, lines }) => event === 'edge.logDropped' && lines! > 0));
  assert.equal(lines.at(-1)!.event, 'edge.stopped');
});
