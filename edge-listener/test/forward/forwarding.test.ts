import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type FakeRelay, type Fault, startFakeRelay } from '../support/fakeRelay.ts';
import { runEdge, type TestEdge, temporaryDirectory } from '../support/runEdge.ts';
import { sendMail } from '../support/smtpClient.ts';
import { until } from '../support/until.ts';

interface Setting {
  relay: FakeRelay;
  edge: TestEdge;
}

function withEdge(what: string, body: (setting: Setting) => Promise<void>, delayMs = 0): void {
  test(what, async () => {
    const directory = temporaryDirectory();
    const relay = await startFakeRelay({ delayMs });
    const edge = await runEdge(relay.url, directory.path);
    try {
      await body({ relay, edge });
    } finally {
      await edge.stop();
      await relay.close();
      directory.remove();
    }
  });
}

async function sendUnder({ relay, edge }: Setting, ...faults: Fault[]): Promise<void> {
  relay.faults = faults;
  assert.equal((await sendMail(edge.port)).code, 250);
}

const retried: [string, Fault][] = [
  ['a 500', { status: 500 }],
  ['a 401, even as our problem document', { status: 401, problem: 'unauthorized' }],
  ['a 403 about credentials', { status: 403, problem: 'unauthorized' }],
  ['a 413 that is not our problem document', { status: 413, body: '<html>too big</html>' }],
  [
    'a 400 whose problem document is of another type',
    {
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
      body: '{"type":"https://elsewhere.example/bad","detail":"no"}',
    },
  ],
  ['a 404 where no relay is', { status: 404, body: 'Not Found' }],
  ['a 200 from a login page', { status: 200, body: '<html>welcome</html>' }],
  [
    'a 202 that is not about this message',
    { status: 202, body: '{"id":"00000000-0000-7000-8000-000000000000","state":"accepted"}' },
  ],
  ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:9/' } }],
  ['a connection that breaks', { drop: true }],
];

describe('forwarding', { concurrency: 8 }, () => {
  for (const [what, fault] of retried) {
    withEdge(`${what} keeps the mail and tries again, loudly`, async (setting) => {
      await sendUnder(setting, fault);
      await until('the retry succeeds', () => setting.relay.taken.length === 1);
      await until('the edge says so', () => setting.edge.seen('edge.forwarded').length === 1);
      assert.equal(setting.edge.seen('edge.retrying').length, 1);
      assert.deepEqual(
        setting.relay.requests.map((r) => r.method),
        ['PUT', 'GET', 'PUT'],
      );
    });
  }

  const verdicts: Fault[] = [
    { status: 403, problem: 'sender-refused' },
    { status: 403, problem: 'recipient-refused' },
    { status: 409, problem: 'conflict' },
    { status: 413, problem: 'message-too-large' },
    { status: 415, problem: 'unsupported-media-type' },
    { status: 422, problem: 'unprocessable-message' },
  ];

  for (const fault of verdicts) {
    withEdge(
      `${fault.status} ${fault.problem} is a verdict: the mail is kept as failed, with the reason`,
      async (setting) => {
        await sendUnder(setting, fault);
        await until('the edge fails it', () => setting.edge.seen('edge.failed').length === 1);
        assert.equal(setting.edge.seen('edge.failed')[0]!.fields.code, `${fault.status} ${fault.problem}`);
        const failed = join(setting.edge.spool, 'failed');
        const names = readdirSync(failed);
        assert.equal(names.filter((name) => name.endsWith('.mail')).length, 1);
        assert.match(
          readFileSync(join(failed, names.find((name) => name.endsWith('.json'))!), 'utf8'),
          /The fake says/,
        );
        // The report about it is a mail of its own, and may be on its way already.
        const { id } = setting.edge.seen('edge.failed')[0]!.fields;
        assert.equal(setting.relay.requests.filter((request) => request.id === id).length, 1);
      },
    );
  }

  withEdge('a lost answer is not a second mail: the retry asks first and uploads nothing', async (setting) => {
    await sendUnder(setting, { after: true, drop: true });
    await until('the edge learns of it', () => setting.edge.seen('edge.forwarded').length === 1);
    assert.equal(setting.relay.taken.length, 1);
    assert.deepEqual(
      setting.relay.requests.map((r) => r.method),
      ['PUT', 'GET'],
    );
  });

  withEdge('Retry-After is waited for', async (setting) => {
    await sendUnder(setting, { status: 503, headers: { 'retry-after': '4' } });
    await until('the retry succeeds', () => setting.relay.taken.length === 1, 15_000);
    const [first, second] = setting.relay.requests;
    assert.ok(second!.at - first!.at >= 3900, `${second!.at - first!.at} ms`);
  });

  withEdge('a message that always fails does not hold up the others', async (setting) => {
    setting.relay.faults = [{ status: 500, times: 1000, sender: 'bad@example.com' }];
    await sendMail(setting.edge.port, { from: 'bad@example.com' });
    for (let i = 0; i < 20; i++) await sendMail(setting.edge.port, { from: 'good@example.com' });
    await until('the others arrive', () => setting.relay.taken.length === 20);
  });

  withEdge(
    'at most the configured number of messages is under way at once',
    async (setting) => {
      await Promise.all(Array.from({ length: 30 }, () => sendMail(setting.edge.port)));
      await until('all arrive', () => setting.relay.taken.length === 30);
      assert.ok(setting.relay.maxInFlight() > 1 && setting.relay.maxInFlight() <= 8, `${setting.relay.maxInFlight()}`);
    },
    20,
  );
});

test('what was queued while the function app was away arrives after a restart of the edge', async () => {
  const directory = temporaryDirectory();
  const away = await startFakeRelay();
  await away.close();
  const first = await runEdge(away.url, directory.path);
  for (let i = 0; i < 5; i++) assert.equal((await sendMail(first.port)).code, 250);
  await first.stop();
  const relay = await startFakeRelay({ port: Number(new URL(away.url).port) });
  const second = await runEdge(relay.url, directory.path);
  assert.equal(second.seen('edge.recovered')[0]!.fields.queued, 5);
  await until('all five arrive', () => relay.taken.length === 5, 30_000);
  await until('the spool is empty', () => second.seen('edge.forwarded').length === 5);
  await second.stop();
  assert.deepEqual(readdirSync(join(directory.path, 'incoming')), []);
  assert.ok(!readdirSync(join(directory.path, 'queued')).some((name) => name.endsWith('.mail')));
  await relay.close();
  directory.remove();
  assert.ok(!existsSync(directory.path));
});
