// How mail gets on the large way, waits for its turn there, and what the pieces of the way hold to.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { deliverMessage } from '../../../delivery/deliverMessage.ts';
import { decodeText } from '../../../delivery/large/decodeText.ts';
import { createLargeMailSeats } from '../../../delivery/large/largeMailSeats.ts';
import { openUploadSession, RANGE_BYTES } from '../../../delivery/large/uploadSession.ts';
import { readUploadUrl } from '../../../delivery/large/uploadUrl.ts';
import { DELIVERIES, DELIVERIES_LARGE } from '../../../storage/deliveryQueue.ts';
import { wakeUpOf } from '../../../storage/wakeUp.ts';
import { readSettings } from '../../../wiring/settings.ts';
import { newLargeRelay } from './largeRelay.ts';
import { scan, someBytes } from './mailSamples.ts';

test('a wake-up for large mail moves to its own queue, and one for small mail back from there', async (t) => {
  const relay = await newLargeRelay(t);
  const large = await relay.accept(scan(3_000_000));
  await deliverMessage(relay.options, wakeUpOf(large));
  const small = await relay.accept(scan(1000));
  await relay.deliver(small);
  assert.deepEqual(
    relay.queues.sent.map(({ queue, wakeUp, delayMs }) => [queue, wakeUp.id, delayMs]),
    [
      [DELIVERIES_LARGE, large.id, 0],
      [DELIVERIES, small.id, 0],
    ],
  );
  assert.equal((await relay.state(large)).attempts, 0);
});

test('a large mail whose mailbox is to be chosen anew is not sent from the old one', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(3_100_000), { chooseMailbox: true });
  await relay.deliver(mail);
  assert.deepEqual(
    relay.queues.sent.map(({ queue, wakeUp, delayMs }) => [queue, wakeUp.id, delayMs]),
    [[DELIVERIES, mail.id, 0]],
  );
  assert.equal((await relay.messages()).length, 0);
  assert.equal((await relay.state(mail)).attempts, 0);
});

for (const [what, answer] of [
  ['413 in HTML', { status: 413 }],
  ['200', { status: 200 }],
  ['ErrorMessageSizeExceeded', { status: 400, code: 'ErrorMessageSizeExceeded' }],
] as const)
  test(`${what} for a mail in one request means that it goes as a draft, if large mail is on`, async (t) => {
    for (const [LARGE_MAIL, state] of [
      ['on', 'sent'],
      ['off', 'failed'],
    ] as const) {
      const relay = await newLargeRelay(t, { LARGE_MAIL });
      const mail = await relay.accept(scan(2_000_000), { from: '' });
      await relay.setFaults([{ path: '/sendMail$', ...answer }]);
      await deliverMessage(relay.options, wakeUpOf(mail));
      if (LARGE_MAIL === 'on') await relay.deliver(mail);
      assert.equal((await relay.state(mail)).state, state, (await relay.state(mail)).reason ?? '');
      assert.deepEqual(
        (await relay.messages()).map(({ via }) => via),
        state === 'sent' ? ['draft'] : [],
      );
    }
  });

test('a mail that its rewritten header makes too large for one request goes as a draft', async (t) => {
  const relay = await newLargeRelay(t);
  const bytes = scan(2_190_000);
  const filler = Buffer.alloc(3_000_000 - bytes.length, 'x');
  const mail = await relay.accept(Buffer.concat([bytes, filler]), { to: ['bob@contoso.com', 'hidden@contoso.com'] });
  assert.equal(mail.size, 3_000_000);
  await deliverMessage(relay.options, wakeUpOf(mail));
  await relay.deliver(mail);
  assert.equal((await relay.messages())[0]?.via, 'draft');
});

test('without large mail the limit is what fits into one request', () => {
  const settings = (env: Record<string, string>) =>
    readSettings({ MailStorage: 'x', GRAPH_CREDENTIAL: 'none', ...env });
  assert.equal(settings({}).MAX_MESSAGE_BYTES, 2_980_000);
  assert.equal(settings({ MAX_MESSAGE_BYTES: '1000000' }).MAX_MESSAGE_BYTES, 1_000_000);
  assert.equal(settings({ LARGE_MAIL: 'on' }).MAX_MESSAGE_BYTES, 35_000_000);
  assert.equal(settings({ LARGE_MAIL: 'on', MAX_MESSAGE_BYTES: '150000000' }).MAX_MESSAGE_BYTES, 150_000_000);
});

test('one large mail per mailbox goes at a time, a few mailboxes at once, and 150 MB in five minutes', () => {
  let now = 0;
  const seats = createLargeMailSeats(() => now, 2);
  const take = (mailbox: string, bytes: number) => {
    const seat = seats.take(mailbox, bytes);
    return 'leave' in seat ? seat : undefined;
  };
  const first = take('a@contoso.com', 149_000_000)!;
  assert.equal(take('A@Contoso.com', 1), undefined, 'the same mailbox');
  const second = take('b@contoso.com', 1)!;
  assert.equal(take('c@contoso.com', 1), undefined, 'all seats are taken');
  second.leave(1);
  first.leave(100_000_000);
  const refused = seats.take('a@contoso.com', 60_000_000);
  assert.deepEqual(refused, { comeBackInMs: 300_000 });
  take('a@contoso.com', 50_000_000)!.leave(0);
  now += 300_000;
  take('a@contoso.com', 200_000_000)!.leave(150_000_000);
  assert.equal(take('a@contoso.com', 1), undefined);
  take('d@contoso.com', 200_000_000)!.leave(0);
});

test('a seat tells when mail of another mailbox asked for it in vain, and forgets that', () => {
  let now = 0;
  const seats = createLargeMailSeats(() => now);
  const seat = seats.take('a@contoso.com', 1);
  assert.ok('leave' in seat && !seat.othersWait());
  seats.take('a@contoso.com', 1);
  assert.ok(!seat.othersWait(), 'its own mailbox gains nothing by its leaving');
  seats.take('b@contoso.com', 1);
  assert.ok(seat.othersWait());
  now += 15_000;
  assert.ok(!seat.othersWait(), 'who waits asks again');
});

test('a mail that finds no seat comes back to its own queue', async (t) => {
  const relay = await newLargeRelay(t);
  const [first, second] = [await relay.accept(scan(3_100_000)), await relay.accept(scan(3_100_000))];
  await Promise.all([relay.deliver(first), relay.deliver(second)]);
  assert.deepEqual(
    relay.queues.sent.map(({ queue, delayMs }) => [queue, delayMs > 0]),
    [[DELIVERIES_LARGE, true]],
  );
});

test('upload URLs are followed to Microsoft and to Graph itself, and nowhere else', () => {
  const allowed = (url: unknown, more: string[] = []) => 'url' in readUploadUrl(url, 'http://127.0.0.1:8025', more);
  for (const url of [
    'https://outlook.office.com/api/v2.0/Users(1)/AttachmentSessions(2)?authtoken=x',
    'https://outlook.office365.com/x',
    'https://outlook.office365.us/x',
    'https://partner.outlook.cn/x',
    'https://graph.microsoft.com/x',
    'http://127.0.0.1:8025/v1.0/x',
  ])
    assert.ok(allowed(url), url);
  for (const url of [
    'http://outlook.office.com/x',
    'https://office.com.evil.example/x',
    'https://eviloffice.com/x',
    'https://outlook.office.com:8443/x',
    'https://user@outlook.office.com/x',
    'https://169.254.169.254/metadata',
    'http://127.0.0.1:8026/x',
    'file:///etc/passwd',
    'x',
    undefined,
  ])
    assert.ok(!allowed(url), String(url));
  assert.ok(allowed('https://upload.contoso.example/x', ['.contoso.example']));
});

test('a refused upload host is named, its URL is not', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(scan(4_000_000));
  const { graph } = relay.options;
  const elsewhere: typeof graph = {
    async call(path, send) {
      const reply = await graph.call(path, send);
      const json = { uploadUrl: 'https://evil.example/api?authtoken=SECRET' };
      return path.endsWith('createUploadSession') ? { ...reply, json } : reply;
    },
  };
  await relay.deliver(mail, { graph: elsewhere });
  const { state, reason } = await relay.state(mail);
  assert.equal(state, 'accepted');
  assert.match(reason!, /evil\.example/);
  assert.ok(!JSON.stringify([reason, relay.seen]).includes('SECRET'));
});

/** A session that answers as told, and keeps what it was sent. */
async function session(t: TestContext, answers: readonly { status: number; json?: unknown; location?: string }[]) {
  const seen: { method: string; range: string | undefined; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const { status, json, location } = answers[seen.length] ?? { status: 599 };
    seen.push({
      method: request.method!,
      range: request.headers['content-range'],
      authorization: request.headers.authorization,
    });
    request.resume().on('end', () => {
      response.writeHead(status, location ? { location } : {}).end(json === undefined ? '' : JSON.stringify(json));
    });
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const total = RANGE_BYTES + 10;
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const gate = { call: <T>(make: () => Promise<T>) => make(), pause: async () => {} };
  const upload = openUploadSession({ url, total, gate, timeoutMs: 5000, onArrived() {} }, Buffer.alloc(RANGE_BYTES));
  const written = await upload.write(someBytes(total));
  return { seen, result: written.ok ? await upload.end() : written };
}

const whole = `bytes 0-${RANGE_BYTES - 1}/${RANGE_BYTES + 10}`;
const last = `bytes ${RANGE_BYTES}-${RANGE_BYTES + 9}/${RANGE_BYTES + 10}`;

for (const [what, json] of [
  ['nextExpectedRanges with a dash', { nextExpectedRanges: [`${RANGE_BYTES}-`] }],
  ['NextExpectedRanges without one', { NextExpectedRanges: [String(RANGE_BYTES)] }],
  ['no ranges at all', {}],
] as const)
  test(`a session that answers ${what} gets its ranges in order, without a token`, async (t) => {
    const { seen, result } = await session(t, [{ status: 200, json }, { status: 201 }]);
    assert.ok(result.ok);
    assert.deepEqual(seen, [
      { method: 'PUT', range: whole, authorization: undefined },
      { method: 'PUT', range: last, authorization: undefined },
    ]);
  });

test('a session that took only a part of a range gets the rest of it', async (t) => {
  const answers = [
    { status: 200, json: { nextExpectedRanges: ['327680-'] } },
    { status: 200, json: { nextExpectedRanges: [`${RANGE_BYTES}-`] } },
    { status: 201 },
  ];
  const { seen, result } = await session(t, answers);
  assert.ok(result.ok);
  assert.equal(seen[1]?.range, `bytes 327680-${RANGE_BYTES - 1}/${RANGE_BYTES + 10}`);
});

test('a session that is asked after a failure goes on where it says', async (t) => {
  const next = { status: 200, json: { nextExpectedRanges: [`${RANGE_BYTES}-`] } };
  const { seen, result } = await session(t, [{ status: 503 }, next, { status: 201 }]);
  assert.ok(result.ok);
  assert.deepEqual(
    seen.map(({ method }) => method),
    ['PUT', 'GET', 'PUT'],
  );
});

for (const [what, answers] of [
  ['that is gone', [{ status: 404 }]],
  ['that redirects', [{ status: 307, location: 'http://127.0.0.1:1/' }]],
  ['that says 200 to its last range', [{ status: 200 }, ...Array(20).fill({ status: 200 })]],
  [
    'that wants what was sent long ago',
    [{ status: 200 }, { status: 503 }, { status: 200, json: { nextExpectedRanges: ['0-'] } }],
  ],
] as const)
  test(`a session ${what} fails the attempt, and nothing else`, async (t) => {
    const { result } = await session(t, answers);
    assert.ok(!result.ok && result.outcome.kind === 'retry' && result.outcome.class === 'refused');
  });

test('header text is read in whatever it was written', () => {
  assert.equal(decodeText('Bericht f\xc3\xbcr M\xc3\xbcller'), 'Bericht für Müller');
  assert.equal(decodeText('Bericht f\xfcr M\xfcller \x80 5'), 'Bericht für Müller € 5');
  assert.equal(decodeText('=?utf-8?q?Gr=C3=BC=C3=9Fe?= x'), 'Grüße x');
  assert.equal(decodeText('\x83\x58\x83\x4c\x83\x83\x83\x93'), 'スキャン');
  assert.equal(decodeText('=?x-nobody-knows?b?YWJj?='), 'abc');
  assert.equal(decodeText('a\r\n b\x00c\x1b'), 'a  b c');
});
