// What a device is told when the spool fails, at whichever moment.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { SMTPServerDataStream } from 'smtp-server';
import { onceOnly } from '../../src/smtp/onceOnly.ts';
import { receiveMessage } from '../../src/smtp/receiveMessage.ts';
import { createRepeats } from '../../src/smtp/repeats.ts';
import { SmtpRefusal } from '../../src/smtp/replies.ts';
import { type IncomingMessage, type Spool, SpoolFullError } from '../../src/spool/spool.ts';

const envelope = {
  v: 1 as const,
  from: 'a@b.example',
  to: ['c@d.example'],
  receivedAt: '',
  edge: '',
  client: { address: '192.0.2.1', helo: '', user: '', tls: '' },
};

/** Receives a message of three chunks into a spool whose message does this. */
async function receive(message: Partial<IncomingMessage>) {
  let aborted = 0;
  const whole: IncomingMessage = {
    append: async () => undefined,
    digest: () => 'sum',
    commit: async () => 'sum',
    abort: async () => void aborted++,
    ...message,
  };
  const stream = new PassThrough();
  const repeats = createRepeats(600_000);
  const work = receiveMessage('id', envelope, stream as unknown as SMTPServerDataStream, {
    spool: { begin: () => whole } as unknown as Spool,
    maxMessageBytes: 1000,
    now: Date.now,
    judgeHeader: () => undefined,
    ended: (bytes, digest) => repeats.ended({ id: 'id', envelope, bytes, startedAt: repeats.now(), digest }),
    cutOff: () => undefined,
  });
  for (const chunk of ['Subject: x\r\n', '\r\n', 'body\r\n']) stream.write(chunk);
  stream.end();
  const outcome = await work.then(
    ({ sha256 }) => sha256,
    (error: unknown) => (error instanceof SmtpRefusal ? `${error.responseCode} ${error.message.slice(0, 5)}` : error),
  );
  return { outcome, aborted, readToTheEnd: stream.readableEnded };
}

const io = async () => Promise.reject(Object.assign(new Error('i/o error'), { code: 'EIO' }));
const full = async () => Promise.reject(new SpoolFullError('no room'));

test('a message is promised when the spool has it', async () => {
  assert.deepEqual(await receive({}), { outcome: 'sum', aborted: 0, readToTheEnd: true });
});

for (const [what, failure, answer] of [
  ['an i/o error', io, '451 4.3.0'],
  ['a full disk', full, '452 4.3.1'],
] as const) {
  test(`${what} while the message comes in: ${answer} after its end, nothing is left`, async () => {
    assert.deepEqual(await receive({ append: failure }), { outcome: answer, aborted: 1, readToTheEnd: true });
  });
  test(`${what} when the message is committed: ${answer}`, async () => {
    assert.deepEqual(await receive({ commit: failure }), { outcome: answer, aborted: 0, readToTheEnd: true });
  });
}

test('a commit that never ends is answered 451 after a minute', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let committing: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    committing = resolve;
  });
  const work = receive({
    commit: () => {
      committing();
      return new Promise(() => undefined);
    },
  });
  await begun;
  context.mock.timers.tick(60_000);
  assert.equal((await work).outcome, '451 4.3.0');
});

test('a callback is called once, however often it is', () => {
  const calls: number[] = [];
  const once = onceOnly((n: number) => calls.push(n));
  for (const n of [1, 2, 3]) once(n);
  assert.deepEqual(calls, [1]);
});
