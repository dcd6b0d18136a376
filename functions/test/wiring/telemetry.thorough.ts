// The telemetry that really leaves the relay's process, as Application Insights or a collector would get it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { before, test } from 'node:test';
import { newMessageId } from '../../contract/messageId.ts';
import { aMessage, anEnvelope, caller, eventually, sandbox } from '../http/requests.ts';
import { startRelay } from '../http/runningRelay.ts';
import { type Envelope, startCaptureServer } from './captureServer.ts';
import { shapeOf, storyTree } from './storyTree.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
/** Flags 00: whoever sent it did not sample it. */
const UNSAMPLED = `00-${TRACE}-b7ad6b7169203331-00`;
const SAMPLE = new URL('telemetry.sample.json', import.meta.url);

const eventsOf = (envelopes: readonly Envelope[]) =>
  envelopes.filter(({ data }) => data.baseType === 'EventData').map(({ data }) => data.baseData.name);

/** Mails that are sent at the first try, beside the one that needs two. */
const OTHERS = 10;

/** What left an app that ended as soon as its mails were sent. */
let envelopes: readonly Envelope[];
before(async () => {
  const capture = await startCaptureServer();
  try {
    const relay = await startRelay();
    try {
      const local = caller(relay);
      await sandbox(relay).faults([{ path: 'sendMail', status: 429, code: 'ApplicationThrottled', retryAfter: 1 }]);
      const id = newMessageId();
      assert.equal((await local.put(id, aMessage(), { traceparent: UNSAMPLED })).status, 202);
      await local.until(id, 'sent');
      const ids = Array.from({ length: OTHERS }, newMessageId);
      for (const id of ids) await local.put(id, aMessage());
      for (const id of ids) await local.until(id, 'sent');
    } finally {
      await relay.stop();
    }
  } finally {
    await capture.close();
  }
  envelopes = capture.envelopes;
});

const inOperation = (list: readonly Envelope[]) => list.filter(({ tags }) => tags['ai.operation.id'] === TRACE);
const bytesOf = (list: readonly Envelope[]) => list.reduce((sum, each) => sum + JSON.stringify(each).length, 0);

test('one mail is one operation from the edge to Graph, though its sender did not sample it', async (t) => {
  const tree = storyTree(envelopes, UNSAMPLED);
  t.diagnostic(tree);
  assert.equal(tree.split('\n').length - 1, inOperation(envelopes).length, 'every record of the mail is in its story');
  const documented = await readFile(new URL('../../../docs/telemetry.md', import.meta.url), 'utf8');
  const [, inDocs = ''] = /```text\n(SMTP session[\s\S]*?)\n```/.exec(documented) ?? [];
  assert.equal(shapeOf(tree), shapeOf(inDocs), 'docs/telemetry.md shows this story');
});

test('every mail has a story of its own, and nothing is sampled away', () => {
  const events = eventsOf(envelopes);
  for (const name of ['mail.accepted', 'mail.sent'])
    assert.equal(events.filter((event) => event === name).length, OTHERS + 1, name);
  const operations = new Set(envelopes.flatMap(({ tags }) => tags['ai.operation.id'] ?? []));
  assert.ok(operations.size >= OTHERS + 1);
});

test('a mail takes less than 8 kB of telemetry, its share of the figures included', (t) => {
  const figures = envelopes.filter(({ data }) => data.baseType === 'MetricData');
  const retried = bytesOf(inOperation(envelopes));
  const each = (bytesOf(envelopes) - bytesOf(figures) - retried) / OTHERS;
  t.diagnostic(`${each} bytes for a mail, ${retried} for one that is tried twice, ${bytesOf(figures)} for all figures`);
  assert.ok(each + bytesOf(figures) < 8000, 'one mail alone in its minute');
  assert.ok(retried < 8000, 'a mail that is tried twice');
});

test('records have the names and attributes of the sample, which queries can be run on', async () => {
  const ofOne = envelopes.filter(
    ({ tags, data }) => tags['ai.operation.id'] === TRACE || data.baseType === 'MetricData',
  );
  if (process.env.UPDATE_SAMPLE) {
    const portable = ofOne.map((each) => ({ ...each, tags: { ...each.tags, 'ai.cloud.roleInstance': 'instance-1' } }));
    await writeFile(SAMPLE, `${JSON.stringify(portable, null, 1)}\n`);
  }
  const shape = (list: readonly Envelope[]) =>
    inOperation(list)
      .map(({ data: { baseType, baseData } }) =>
        [baseType, baseData.name, ...Object.keys(baseData.properties ?? {})].join(' '),
      )
      .toSorted();
  assert.deepEqual(shape(envelopes), shape(JSON.parse(await readFile(SAMPLE, 'utf8'))));
});

test('events add up to figures', () => {
  const figures = envelopes.flatMap(({ data: { baseData } }) =>
    (baseData.metrics ?? []).map(({ name, value, count }) => {
      const series = Object.values(baseData.properties ?? {}).join();
      return name.startsWith('relay.leg') ? `${name} ${series} ${count}` : `${name} ${series} ${value}`;
    }),
  );
  for (const expected of [
    `relay.mail.accepted  ${OTHERS + 1}`,
    `relay.mail.delivered  ${OTHERS + 1}`,
    'relay.mail.retried ApplicationThrottled 1',
    'relay.mailbox.throttled  1',
    ...['edge', 'queue', 'graph', 'total'].map((leg) => `relay.leg.duration ${leg} ${OTHERS + 1}`),
  ])
    assert.ok(figures.includes(expected), `${expected} is not among ${figures.join('; ')}`);
});

test('telemetry goes by the managed identity that the host is told of', async (t) => {
  const asked: URL[] = [];
  const identity = createServer((request, response) => {
    asked.push(new URL(request.url!, 'http://identity'));
    const expires_on = String(Math.floor(Date.now() / 1000) + 3600);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ access_token: 'from-identity', expires_on, token_type: 'Bearer', resource: 'x' }));
  }).listen(0, '127.0.0.1');
  await once(identity, 'listening');
  t.after(() => identity.close());
  const capture = await startCaptureServer();
  t.after(() => capture.close());
  const clientId = '11111111-2222-4333-8444-555555555555';
  const relay = await startRelay({
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `Authorization=AAD;ClientId=${clientId}`,
    IDENTITY_ENDPOINT: `http://127.0.0.1:${(identity.address() as AddressInfo).port}/msi/token`,
    IDENTITY_HEADER: 'proof',
  });
  try {
    const id = newMessageId();
    await caller(relay).put(id, aMessage());
    await caller(relay).until(id, 'sent');
  } finally {
    await relay.stop();
  }
  assert.equal(asked[0]?.searchParams.get('client_id'), clientId);
  assert.equal(asked[0]?.searchParams.get('resource'), 'https://monitor.azure.com');
  assert.ok(capture.requests.length > 0);
  for (const { headers } of capture.requests) assert.equal(headers.authorization, 'Bearer from-identity');
});

const NO_IDENTITY = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD',
  IDENTITY_ENDPOINT: 'http://127.0.0.1:9/msi/token',
  IDENTITY_HEADER: 'proof',
};
for (const [trouble, status, settings] of [
  ['is refused', 503, {}],
  ['gets no token', 200, NO_IDENTITY],
] as const)
  test(`mail is sent, and the app ends in time, while telemetry ${trouble}`, async (t) => {
    const capture = await startCaptureServer(status);
    t.after(() => capture.close());
    const relay = await startRelay(settings);
    try {
      const ids = Array.from({ length: 5 }, newMessageId);
      const local = caller(relay);
      for (const id of ids) assert.equal((await local.put(id, aMessage())).status, 202);
      for (const id of ids) await local.until(id, 'sent');
      // Refused, it is kept for later; without a token, somebody has to be told, once.
      await eventually('it is kept or told', async () => {
        const told = (await relay.workerLog()).match(/Telemetry could not be sent/g)?.length ?? 0;
        return (status === 503 ? (await capture.keptForLater()) > 0 : told === 1) || undefined;
      });
    } finally {
      const began = Date.now();
      await relay.stop();
      assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
    }
    assert.deepEqual(capture.envelopes, []);
  });

test('a collector gets logs, spans and figures by the standard OTLP variables', async (t) => {
  const got = new Map<string, string>();
  const collector = createServer(async (request, response) => {
    got.set(request.url!, (got.get(request.url!) ?? '') + (await text(request)));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.after(() => collector.close());
  const relay = await startRelay({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_SERVICE_NAME: 'relay-under-test',
  });
  try {
    const id = newMessageId();
    await caller(relay).put(id, aMessage(), { traceparent: UNSAMPLED });
    await caller(relay).until(id, 'sent');
  } finally {
    await relay.stop();
  }
  assert.match(got.get('/v1/logs') ?? '', /"eventName":"mail\.sent"/);
  assert.match(got.get('/v1/traces') ?? '', new RegExp(`"traceId":"${TRACE}".*"name":"Graph sendMail"`));
  assert.match(got.get('/v1/metrics') ?? '', /"relay\.mail\.delivered"/);
  for (const body of got.values()) assert.match(body, /relay-under-test/);
});

test('no sink shows a subject, a body, a file name, a key or an address', async (t) => {
  const capture = await startCaptureServer();
  t.after(() => capture.close());
  const withTelemetry = await mailFullOfSecrets();
  const { console: told } = withTelemetry;
  assert.deepEqual(
    eventsOf(capture.envelopes)
      .filter((name) => name !== 'queue.measured')
      .toSorted(),
    [
      // The second of each is the report's.
      'mail.accepted',
      'mail.accepted',
      'mail.failed',
      'mail.retried',
      'mail.sent',
    ],
  );
  assert.doesNotMatch(told, /"event":"mail\./, 'what goes to Application Insights is not also a line on the console');
  await capture.close();
  const withConsole = await mailFullOfSecrets();
  assert.match(withConsole.console, /"event":"mail\.failed"/);
  const sinks = {
    telemetry: capture.requests.map(({ body }) => body).join('\n'),
    console: told,
    'console alone': withConsole.console,
  };
  for (const [sink, content] of Object.entries(sinks))
    for (const secret of [...SECRETS, ...ADDRESSES])
      assert.ok(!content.toLowerCase().includes(secret.toLowerCase()), `${sink} shows ${secret}`);
  for (const secret of SECRETS) {
    assert.ok(!withTelemetry.problem.includes(secret), `a problem document shows ${secret}`);
    // The report goes to the sender, who knows the mail; it says what mail it was, not what was in it.
    if (secret !== 'canary-subject') assert.ok(!withTelemetry.report.includes(secret), `the report shows ${secret}`);
  }
});

const SECRETS = ['canary-subject', 'canary-body', 'canary-file', 'canary-header', 'local-dev-key'];
const ADDRESSES = ['canary.from@', 'canary.to@', 'canary.bcc@', 'canary.from%40', 'canary.graph@'];

/** A mail that is retried and fails in the end, with secrets in every place; what was said about it. */
async function mailFullOfSecrets(): Promise<{ console: string; problem: string; report: string }> {
  const relay = await startRelay();
  try {
    const [local, graph] = [caller(relay), sandbox(relay)];
    const path = 'users/canary.from@contoso.com/sendMail';
    const code = 'No mailbox canary.graph@contoso.com';
    await graph.faults([
      { path, status: 404, code, times: 1 },
      { path, status: 400, code: 'ErrorInvalidRecipients', times: 1 },
    ]);
    const mime = Buffer.from(
      [
        'From: <canary.from@contoso.com>',
        'To: <canary.to@contoso.com>',
        'Subject: canary-subject',
        'X-Note: canary-header',
        'Message-ID: <1.canary.from@contoso.com>',
        'Content-Type: text/plain; name="canary-file.txt"',
        'Content-Disposition: attachment; filename="canary-file.txt"',
        '',
        'canary-body',
        '',
      ].join('\r\n'),
    );
    const envelope = anEnvelope(['canary.to@contoso.com', 'canary.bcc@contoso.com'], 'canary.from@contoso.com');
    const id = newMessageId();
    await local.put(id, mime, { 'x-relay-envelope': envelope });
    await local.until(id, 'failed');
    const other = Buffer.concat([mime, Buffer.from('more\r\n')]);
    const { text: problem } = await local.put(id, other, { 'x-relay-envelope': envelope });
    const report = await eventually('the report is sent', async () => {
      const [found] = await graph.messages();
      return found && JSON.stringify(found);
    });
    return { console: await relay.workerLog(), problem, report };
  } finally {
    await relay.stop();
  }
}
