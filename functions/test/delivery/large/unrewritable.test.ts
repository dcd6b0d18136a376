// What a draft would damage is never made into one: it goes whole, as an attachment, or it fails and says why.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MimeEvent } from '../../../delivery/large/mimeProtocol.ts';
import { readMime } from '../../../delivery/large/mimeReading.ts';
import { newLargeRelay } from './largeRelay.ts';
import {
  binaryPart,
  container,
  FROM_TO,
  message,
  type SamplePart,
  sha256,
  someBytes,
  textPart,
} from './mailSamples.ts';

const BIG = binaryPart(someBytes(3_100_000), 'Content-Type: application/pdf; name=scan.pdf');
const signature = (type: string) => binaryPart(someBytes(100), `Content-Type: ${type}; name=x.sig`);

const TINY = someBytes(100);
/** A part beside a scan. */
const beside = (part: SamplePart) => container('multipart/mixed', [part, BIG]);

const KINDS: readonly (readonly [string, string, SamplePart])[] = [
  ['signed with S/MIME', 'signed', container('multipart/signed', [BIG, signature('application/pkcs7-signature')])],
  ['signed with PGP', 'signed', container('multipart/signed', [BIG, signature('application/pgp-signature')])],
  [
    'signed inside',
    'signed',
    container('multipart/mixed', [
      container('multipart/signed', [BIG, signature('application/x-pkcs7-signature')]),
      textPart('footer'),
    ]),
  ],
  [
    'encrypted with S/MIME',
    'encrypted',
    binaryPart(someBytes(3_100_000), 'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m'),
  ],
  ['encrypted with PGP', 'encrypted', container('multipart/encrypted', [signature('application/pgp-encrypted'), BIG])],
  [
    'PGP in the text',
    'encrypted',
    container('multipart/mixed', [textPart('-----BEGIN PGP MESSAGE-----\r\n\r\nabc'), BIG]),
  ],
  [
    'an invitation',
    'calendar',
    container('multipart/mixed', [
      container('multipart/alternative', [textPart('x'), textPart('BEGIN:VCALENDAR', 'text/calendar; method=REQUEST')]),
      BIG,
    ]),
  ],
  [
    'TNEF',
    'tnef',
    container('multipart/mixed', [
      textPart('x'),
      binaryPart(someBytes(3_100_000), 'Content-Type: application/ms-tnef; name=winmail.dat'),
    ]),
  ],
  [
    'TNEF that only its name tells',
    'tnef',
    beside(binaryPart(TINY, 'Content-Type: application/octet-stream; name=WINMAIL.DAT')),
  ],
  ['TNEF under its registered type', 'tnef', beside(binaryPart(TINY, 'Content-Type: application/vnd.ms-tnef; name=x'))],
  [
    'content that lies elsewhere',
    'partial',
    beside({ header: ['Content-Type: message/external-body; access-type=URL; URL="http://a.example/"'], body: '' }),
  ],
  [
    'S/MIME under its old type',
    'encrypted',
    beside(binaryPart(TINY, 'Content-Type: application/x-pkcs7-mime; name=smime.p7m')),
  ],
  ['S/MIME without a name', 'encrypted', beside(binaryPart(TINY, 'Content-Type: application/pkcs7-mime'))],
  ['a calendar without a method', 'calendar', beside(textPart('BEGIN:VCALENDAR', 'text/calendar'))],
  [
    'a calendar and nothing else',
    'calendar',
    textPart(`BEGIN:VCALENDAR\r\n${'X-FILL:x\r\n'.repeat(320_000)}`, 'text/calendar; method=REQUEST'),
  ],
  [
    'text signed with PGP',
    'encrypted',
    beside(textPart('-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nabc')),
  ],
  [
    'a part of a message',
    'partial',
    { header: ['Content-Type: message/partial; id="a@b"; number=1; total=2'], body: BIG.body },
  ],
  [
    'uuencode as an encoding',
    'encoding',
    container('multipart/mixed', [
      {
        header: ['Content-Type: application/pdf; name=a.pdf', 'Content-Transfer-Encoding: x-uuencode'],
        body: 'begin 644 a.pdf\r\n#0V%T\r\n`\r\nend\r\n',
      },
      BIG,
    ]),
  ],
  [
    'uuencode in the text',
    'encoding',
    container('multipart/mixed', [textPart('see below\r\nbegin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n'), BIG]),
  ],
  [
    'an attachment whose header runs into its content',
    'unreadable',
    container('multipart/mixed', [
      BIG,
      {
        header: [
          'Content-Type: application/zip',
          'Content-Transfer-Encoding: base64',
          'N3q8ryccAAQFn0NaGrkKAAAAAACSAAAA',
        ],
        body: '',
      },
    ]),
  ],
  [
    'a container without a part',
    'unreadable',
    { header: ['Content-Type: multipart/mixed; boundary=b'], body: textPart('Where is the boundary?').body + BIG.body },
  ],
  [
    '251 attachments',
    'attachments',
    container('multipart/mixed', [...Array.from({ length: 250 }, () => signature('image/png')), BIG]),
  ],
  [
    'more text than one request holds',
    'text',
    container('multipart/mixed', [textPart('line of text\r\n'.repeat(240_000)), BIG]),
  ],
];

for (const [what, kind, content] of KINDS)
  test(`${what}: the whole message goes as an attachment of a short note`, async (t) => {
    const relay = await newLargeRelay(t);
    const original = message(content, [...FROM_TO, 'Bcc: hidden@contoso.com']);
    const mail = await relay.accept(original, { to: ['bob@contoso.com', 'hidden@contoso.com'] });
    await relay.deliver(mail);
    assert.equal((await relay.state(mail)).state, 'sent', (await relay.state(mail)).reason ?? '');
    const [sent] = await relay.messages();
    assert.equal(sent!.subject, 'Scan');
    assert.deepEqual([sent!.to, sent!.bcc], [['bob@contoso.com'], ['hidden@contoso.com']]);
    assert.match(
      sent!.text,
      /attached to this one, whole and unchanged, as message\.eml\.\r?\nOpen the attachment to read it\./,
    );
    // Who is hidden stays hidden; every other byte is there.
    const carried = Buffer.from(original.toString('latin1').replace('Bcc: hidden@contoso.com\r\n', ''), 'latin1');
    assert.deepEqual(
      sent!.attachments.map(({ name, contentType, sha256 }) => [name, contentType, sha256]),
      [['message.eml', 'message/rfc822', sha256(carried)]],
    );
    assert.deepEqual(relay.names(), ['relay.unrewritable', 'mail.sent']);
    assert.equal(relay.seen.find(({ name }) => name === 'relay.unrewritable')?.attributes.kind, kind);
  });

test('with UNREWRITABLE=fail it fails at once, with the code and the reason', async (t) => {
  const relay = await newLargeRelay(t, { UNREWRITABLE: 'fail' });
  const mail = await relay.accept(message(KINDS[0]![2]), { from: '' });
  await relay.deliver(mail);
  const { state, reason } = await relay.state(mail);
  assert.equal(state, 'failed');
  assert.match(reason!, /^UnrewritableMessage: .*because it is digitally signed/);
  assert.equal((await relay.messages()).length, 0);
});

test('a signed document, a calendar file and a .p7m under its own name are ordinary attachments', async (t) => {
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(
    message(
      container('multipart/mixed', [
        BIG,
        binaryPart(someBytes(100), 'Content-Type: application/pkcs7-mime; name=invoice.xml.p7m'),
        binaryPart(someBytes(100), 'Content-Type: text/calendar; name=a.ics', 'Content-Disposition: attachment'),
      ]),
    ),
  );
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.deepEqual(
    sent?.attachments.map(({ name }) => name),
    ['scan.pdf', 'invoice.xml.p7m', 'a.ics'],
  );
});

test('250 attachments are not too many', async (t) => {
  const relay = await newLargeRelay(t);
  const parts = Array.from({ length: 249 }, (_, number) =>
    binaryPart(someBytes(10, number), `Content-Type: image/png; name=${number}.png`),
  );
  const mail = await relay.accept(message(container('multipart/mixed', [...parts, BIG])));
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.equal(sent?.attachments.length, 250);
});

const deep = (levels: number, body: string) => {
  const open = Array.from(
    { length: levels },
    (_, n) => `Content-Type: multipart/mixed; boundary="b${n}"\r\n\r\n--b${n}\r\n`,
  );
  return `MIME-Version: 1.0\r\nFrom: scan@contoso.com\r\nTo: bob@contoso.com\r\nSubject: bomb\r\n${open.join('')}${body}`;
};
const flat = (type: string, body: string) =>
  `From: scan@contoso.com\r\nTo: bob@contoso.com\r\nSubject: bomb\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\n\r\n${body}`;

const BOMBS: readonly (readonly [string, () => string])[] = [
  [
    '290 levels of parts and a million lines that may be boundaries',
    () => deep(290, `Content-Type: application/pdf\r\n\r\n${'--\r\n--b\r\nx\r\n'.repeat(350_000)}`),
  ],
  ['ten thousand levels', () => deep(10_000, 'x'.repeat(3_000_000))],
  ['a million parts', () => flat('multipart/mixed; boundary=b', `${'--b\r\n\r\n'.repeat(1_000_000)}--b--\r\n`)],
  ['ten million empty lines', () => flat('text/plain', '\r\n'.repeat(10_000_000))],
  [
    'quoted-printable that is all escapes',
    () => flat('text/plain\r\nContent-Transfer-Encoding: quoted-printable', '=41=\r\n'.repeat(1_500_000)),
  ],
  ['flowed quotes', () => flat('text/plain; format=flowed', '> \r\n'.repeat(1_200_000))],
  ['html that is all brackets', () => flat('text/html', '<'.repeat(5_000_000))],
  [
    'html with a hundred thousand images',
    () =>
      flat(
        'multipart/mixed; boundary=b',
        `--b\r\nContent-Type: text/html\r\n\r\n${'<img src="cid:a">'.repeat(100_000)}\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\n\r\n${'x'.repeat(3_000_000)}\r\n--b--\r\n`,
      ),
  ],
  [
    'a file name of three hundred thousand escapes',
    () =>
      flat(
        'multipart/mixed; boundary=b',
        `--b\r\nContent-Disposition: attachment; filename*=utf-8''${'%41'.repeat(80_000)}\r\n\r\n${'x'.repeat(3_000_000)}\r\n--b--\r\n`,
      ),
  ],
  [
    'a part with a header of a megabyte',
    () =>
      flat(
        'multipart/mixed; boundary=b',
        `--b\r\nX: ${'y'.repeat(1_000_000)}\r\n\r\n${'x'.repeat(3_000_000)}\r\n--b--\r\n`,
      ),
  ],
  [
    'names out of a prototype',
    () =>
      flat(
        'multipart/mixed; boundary=b; __proto__=x; constructor=y',
        `--b\r\n__proto__: x\r\nContent-Disposition: attachment; filename="__proto__"; constructor=z\r\n\r\n${'x'.repeat(3_000_000)}\r\n--b--\r\n`,
      ),
  ],
];

for (const [what, make] of BOMBS)
  test(`a bomb ends in a sent mail within bounds: ${what}`, async (t) => {
    const relay = await newLargeRelay(t);
    const mail = await relay.accept(Buffer.from(make(), 'latin1'));
    let lag = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      lag = Math.max(lag, performance.now() - last - 20);
      last = performance.now();
    }, 20);
    const began = performance.now();
    await relay.deliver(mail);
    clearInterval(watch);
    const ms = performance.now() - began;
    const { state, reason } = await relay.state(mail);
    assert.equal(state, 'sent', reason ?? '');
    const [sent] = await relay.messages();
    t.diagnostic(
      `${Math.round(ms)} ms, longest pause ${Math.round(lag)} ms, ${sent!.attachments[0]?.name.slice(0, 40)}`,
    );
    assert.ok(ms < 60_000, `${ms} ms`);
    assert.equal(sent!.subject, 'bomb');
  });

async function* endless(): AsyncGenerator<Buffer> {
  yield Buffer.from(flat('application/octet-stream', ''));
  for (;;) yield Buffer.alloc(65_536, 'x\r\n');
}

test('a parser that is still at work after its time is ended', async () => {
  const events: MimeEvent[] = [];
  for await (const event of readMime(endless(), { bytes: false, workLimitMs: 200 })) events.push(event);
  // On a busy machine its time may be over before the first part is told.
  assert.equal(events.at(-1)?.type, 'gaveUp');
  assert.ok(events.length <= 2);
});

test('a parser that takes more memory than it may is ended, and the process lives on', async () => {
  async function* parts(): AsyncGenerator<Buffer> {
    yield Buffer.from(flat('multipart/mixed; boundary=b', ''));
    for (;;) yield Buffer.from('--b\r\nContent-Type: text/plain\r\n\r\nx\r\n'.repeat(2000));
  }
  const limits = { parts: 1e9, headerBytes: 1e9, bodyBytes: 1e12 };
  const events: MimeEvent[] = [];
  for await (const event of readMime(parts(), { bytes: false, limits, heapLimitMb: 32 })) events.push(event);
  assert.match(events.map((event) => (event.type === 'gaveUp' ? event.reason : event.type)).join(), /memory/);
});

test('a source that breaks is told of, and ends the thread', async () => {
  async function* source(): AsyncGenerator<Buffer> {
    yield Buffer.from(flat('text/plain', 'x'));
    throw new Error('The storage went away.');
  }
  await assert.rejects(async () => {
    for await (const _ of readMime(source(), { bytes: false }));
  }, /The storage went away/);
});
