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
    'a digest of messages',
    'unreadable',
    container('multipart/mixed', [
      container('multipart/digest', [
        { header: [], body: 'From: a@b.example\r\nSubject: one\r\n\r\nThe first.\r\n' },
        { header: [], body: 'From: c@d.example\r\nSubject: two\r\n\r\nThe second.\r\n' },
      ]),
      BIG,
    ]),
  ],
  [
    '251 attachments',
    'attachments',
    container('multipart/mixed', [...Array.from({ length: 250 }, () => signature('image/png')), BIG]),
  ],
  [
    '990 attachments',
    'attachments',
    container('multipart/mixed', [...Array.from({ length: 990 }, () => signature('image/png')), BIG]),
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

test('249 pictures of 30 kB are attachments like any other', async (t) => {
  const relay = await newLargeRelay(t);
  const parts = Array.from({ length: 249 }, (_, number) =>
    binaryPart(someBytes(30_000, number), `Content-Type: image/jpeg; name=${number}.jpg`),
  );
  const mail = await relay.accept(message(container('multipart/mixed', parts)));
  await relay.deliver(mail);
  assert.equal((await relay.messages())[0]?.attachments.length, 249);
  assert.deepEqual(relay.names(), ['mail.sent']);
});

test('an attachment in quoted-printable keeps its bytes, wherever its lines and blocks end', async (t) => {
  const relay = await newLargeRelay(t);
  const line = `${'=E3=81=82 x=3D'.repeat(4)}= \r\nsoft=\r\n\t blank \t\r\n`;
  const [times, decoded] = [60_000, `${'あ x='.repeat(4)}soft\t blank\r\n`];
  const header = ['Content-Type: text/csv; name=a.csv', 'Content-Transfer-Encoding: quoted-printable'];
  const mail = await relay.accept(message(beside({ header, body: `${line.repeat(times)}end` })));
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.equal(sent?.attachments[0]?.sha256, sha256(Buffer.from(`${decoded.repeat(times)}end`)));
});

const beginning = (type: string) => Buffer.from(`${FROM_TO.join('\r\n')}\r\nContent-Type: ${type}\r\n\r\n`);

async function* endless(): AsyncGenerator<Buffer> {
  yield beginning('application/octet-stream');
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
    yield beginning('multipart/mixed; boundary=b');
    for (;;) yield Buffer.from('--b\r\nContent-Type: text/plain\r\n\r\nx\r\n'.repeat(2000));
  }
  const limits = { parts: 1e9, headerBytes: 1e9, bodyBytes: 1e12 };
  const events: MimeEvent[] = [];
  for await (const event of readMime(parts(), { bytes: false, limits, heapLimitMb: 32 })) events.push(event);
  assert.match(events.map((event) => (event.type === 'gaveUp' ? event.reason : event.type)).join(), /memory/);
});

test('a source that breaks is told of, and ends the thread', async () => {
  async function* source(): AsyncGenerator<Buffer> {
    yield beginning('text/plain');
    throw new Error('The storage went away.');
  }
  await assert.rejects(async () => {
    for await (const _ of readMime(source(), { bytes: false }));
  }, /The storage went away/);
});
