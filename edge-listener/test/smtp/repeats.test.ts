// A message that is sent again because its answer got lost goes once; an alarm that rings twice rings twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepMessage } from '../../src/smtp/keepMessage.ts';
import { createRepeats } from '../../src/smtp/repeats.ts';
import type { IncomingMessage } from '../../src/spool/spool.ts';
import { connectRaw, greeted, type RawClient } from '../support/smtpClient.ts';
import { writeCertificate } from '../support/testCertificate.ts';
import { until } from '../support/until.ts';
import { withEdge } from '../support/withEdge.ts';

/** Repeats by a clock of its own, and a message that ends now unless told otherwise. */
function setUp() {
  const clock = { now: 0 };
  const repeats = createRepeats(600_000, () => clock.now);
  let ids = 0;
  const ended = ({ address = '1', from = 'a@b.example', sha256 = 'sum', bytes = 10, startedAt = clock.now } = {}) =>
    repeats.ended({
      id: `id-${++ids}`,
      envelope: {
        v: 1,
        from,
        to: ['c@d.example'],
        receivedAt: '',
        edge: '',
        client: { address, helo: '', user: '', tls: '' },
      },
      bytes,
      startedAt,
      digest: () => sha256,
    });
  return { clock, ended };
}

test('a message whose connection broke before the answer was confirmed is recognised, once, from the same device, in time', async () => {
  const { clock, ended } = setUp();
  const first = ended();
  first.kept('sum');
  first.lost();
  assert.equal(ended({ address: '2' }).repeatOf, undefined);
  assert.equal(ended({ from: 'x@b.example' }).repeatOf, undefined);
  assert.equal(ended({ bytes: 11 }).repeatOf, undefined);
  const other = ended({ sha256: 'other' });
  assert.equal(await other.repeatOf, undefined);
  other.kept('other');
  other.confirmed();
  const again = ended();
  assert.equal(await again.repeatOf, 'id-1');
  again.kept('sum');
  again.lost();
  const third = ended();
  assert.equal(await third.repeatOf, 'id-1', 'the repetition got lost as well');
  third.kept('sum');
  third.confirmed();
  assert.equal(await ended().repeatOf, undefined, 'now it was confirmed');
  const late = ended();
  late.kept('sum');
  late.lost();
  clock.now += 600_001;
  assert.equal(ended().repeatOf, undefined);
});

test('a connection that is only silent counts as broken after a while, and not before', async () => {
  const { clock, ended } = setUp();
  ended().kept('sum');
  clock.now += 4999;
  assert.equal(ended().repeatOf, undefined, 'two clients at once that send the same');
  clock.now += 5000;
  assert.equal(await ended().repeatOf, 'id-1');
});

test('a message that began before the other one ended does not repeat it', () => {
  const { clock, ended } = setUp();
  clock.now = 1000;
  const first = ended();
  first.kept('sum');
  first.lost();
  assert.equal(ended({ startedAt: 999 }).repeatOf, undefined);
});

test('a repetition waits for the message that is being stored at this moment', async () => {
  const { ended } = setUp();
  const [good, bad] = [ended(), ended({ from: 'bad@b.example' })];
  for (const answer of [good, bad]) answer.lost();
  const [ofGood, ofBad] = [ended().repeatOf, ended({ from: 'bad@b.example' }).repeatOf];
  good.kept('sum');
  bad.notKept();
  assert.equal(await ofGood, 'id-1');
  assert.equal(await ofBad, undefined);
});

test('a spool that answers too late brings 451 in time, and the message that comes again is recognised', async () => {
  const { ended } = setUp();
  let finish: (sha256: string) => void = () => undefined;
  const slow: IncomingMessage = {
    append: async () => undefined,
    digest: () => 'sum',
    commit: () => new Promise((resolve) => (finish = resolve)),
    abort: async () => undefined,
  };
  await assert.rejects(keepMessage(slow, ended(), Date.now, 20), /did not answer within/);
  const impatient = keepMessage({ ...slow, commit: async () => assert.fail('stored twice') }, ended(), Date.now, 20);
  await assert.rejects(impatient, /did not answer within/, 'the first one is still being stored');
  const again = keepMessage({ ...slow, commit: async () => assert.fail('stored twice') }, ended(), Date.now, 5000);
  finish('sum');
  assert.deepEqual(await again, { sha256: 'sum', repeats: 'id-1' });
});

async function startMessage(client: RawClient): Promise<void> {
  client.write('MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n');
  for (const code of [250, 250, 354]) assert.equal((await client.reply()).code, code);
}
const message = 'Subject: x\r\n\r\nthe same\r\n.\r\n';

async function sendAgain(port: number): Promise<void> {
  const client = await greeted(port);
  await startMessage(client);
  client.write(message);
  assert.equal((await client.reply()).code, 250);
  assert.equal((await client.say('QUIT')).code, 221);
  await client.closed;
}

withEdge(
  'a device that is reset before it reads its 250 and comes again has sent one message; two after that are two',
  () => ({}),
  async ({ edge, relay }) => {
    const first = await greeted(edge.port);
    await startMessage(first);
    first.socket.pause();
    first.write(message);
    await until('it is kept', () => edge.seen('edge.accepted').length === 1);
    first.socket.resetAndDestroy();
    await sendAgain(edge.port);
    assert.equal(edge.seen('edge.repeated').length, 1);
    for (let i = 0; i < 2; i++) await sendAgain(edge.port);
    assert.equal(edge.seen('edge.accepted').length, 3);
    await until('all is forwarded', () => relay.taken.length === 3);
  },
);

withEdge(
  'the same after a command that was pipelined behind the message, which proves nothing',
  () => ({}),
  async ({ edge }) => {
    const first = await greeted(edge.port);
    await startMessage(first);
    first.socket.pause();
    first.write(`${message}NOOP\r\n`);
    await until('it is kept', () => edge.seen('edge.accepted').length === 1);
    first.socket.resetAndDestroy();
    await sendAgain(edge.port);
    assert.equal(edge.seen('edge.repeated').length, 1);
  },
);

withEdge(
  'a device that went on talking after its 250, or closed in order, got it: the next equal message is a new one',
  (directory) => ({ listener: { tls: 'starttls' }, certificate: writeCertificate(directory) }),
  async ({ edge }) => {
    const talks = await greeted(edge.port);
    await startMessage(talks);
    talks.write(message);
    await talks.reply();
    assert.equal((await talks.say('NOOP')).code, 250);
    talks.socket.resetAndDestroy();
    const secure = await greeted(edge.port);
    await secure.say('STARTTLS');
    await secure.startTls();
    await secure.say('EHLO x');
    await startMessage(secure);
    secure.write(message);
    await secure.reply();
    assert.equal((await secure.say('NOOP')).code, 250);
    secure.destroy();
    const closes = await greeted(edge.port);
    await startMessage(closes);
    closes.write(message);
    await closes.reply();
    closes.socket.end();
    await closes.closed;
    await sendAgain(edge.port);
    assert.equal(edge.seen('edge.accepted').length, 4);
    assert.equal(edge.seen('edge.repeated').length, 0);
  },
);

withEdge(
  'a device that closes without waiting for its 250 and comes again has sent one message',
  () => ({}),
  async ({ edge }) => {
    const first = await connectRaw(edge.port);
    await first.reply();
    await startMessage(first);
    first.socket.end(message);
    await sendAgain(edge.port);
    await until('both are answered', () => edge.seen('edge.accepted').length + edge.seen('edge.repeated').length === 2);
    assert.equal(edge.seen('edge.accepted').length, 1);
  },
);
