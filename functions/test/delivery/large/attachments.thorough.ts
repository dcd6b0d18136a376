// Attachments arrive as an independent parser, Python's email package, reads them out of the message that was sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faxTiff, jpeg, pdf } from './faxSamples.ts';
import { newLargeRelay } from './largeRelay.ts';
import { binaryPart, container, message, type SamplePart, sha256, someBytes, textPart, utf8 } from './mailSamples.ts';
import { pythonsView } from './pythonsView.ts';

const NAME = 'スキャン表.pdf';
const NAME_IN_SHIFT_JIS = '\x83\x58\x83\x4c\x83\x83\x83\x93\x95\x5c.pdf';
const NAME_IN_ISO_2022_JP = '\x1b$B%9%-%c%sI=\x1b(B.pdf';
const LARGE = 3_100_000;

const attached = (bytes: Buffer, type: string, name: string) =>
  binaryPart(bytes, `Content-Type: ${type}`, `Content-Disposition: attachment; ${name}`);
const scanned = attached(pdf(LARGE), 'application/pdf', 'filename="scan.pdf"');
const mixed = (...parts: SamplePart[]) => message(container('multipart/mixed', [textPart('See below.'), ...parts]));

const FORWARDED = [
  'From: Carol <carol@fabrikam.com>',
  'Subject: =?utf-8?B?44K544Kt44Oj44Oz?= a subject that is long enough to be folded by whoever writes it anew, which',
  ' nobody may do',
  'Received: from a by b;\tTue, 24 Nov 2026 09:00:00 +0000',
  'Content-Type: multipart/mixed; boundary=inner',
  '',
  '--inner',
  '',
  'From here on it is text.',
  '--inner',
  'Content-Type: application/octet-stream',
  'Content-Transfer-Encoding: base64',
  '',
  'AAECAwQ=',
  '--inner--',
  '',
].join('\r\n');

const SAMPLES: readonly (readonly [what: string, sent: Buffer])[] = [
  ['a PDF', mixed(scanned)],
  [
    'a fax of 40 pages in a TIFF',
    mixed(attached(faxTiff(40, 90_000), 'image/tiff; application=faxbw', 'filename=fax.tif')),
  ],
  [
    'JPEGs',
    mixed(attached(jpeg(LARGE), 'image/jpeg', 'filename=1.jpg'), attached(jpeg(99), 'image/jpeg', 'filename=2.jpg')),
  ],
  ['one attachment and nothing else', message(scanned)],
  [
    'Japanese file names in every way to write them',
    mixed(
      scanned,
      ...[
        `filename*=utf-8''${encodeURIComponent(NAME)}`,
        `filename*0*=utf-8''${encodeURIComponent('スキャン')};\r\n filename*1*=${encodeURIComponent('表')};\r\n filename*2=.pdf`,
        `filename*=iso-2022-jp'ja'%1B%24B%25%39%25%2D%25%63%25%73I%3D%1B%28B.pdf`,
        `filename*=shift_jis''%83%58%83%4C%83%83%83%93%95%5C.pdf`,
        `filename="=?UTF-8?B?${Buffer.from(NAME).toString('base64')}?="`,
        `filename="=?ISO-2022-JP?B?${Buffer.from(NAME_IN_ISO_2022_JP, 'latin1').toString('base64')}?="`,
        `filename="=?Shift_JIS?Q?=83X=83L=83=83=83=93=95=5C=2Epdf?="`,
        `filename="${utf8(NAME)}"`,
        `filename="${NAME_IN_SHIFT_JIS}"`,
        `filename="${NAME_IN_ISO_2022_JP}"`,
      ].map((name, index) => attached(someBytes(100, index + 1), 'application/pdf', name)),
    ),
  ],
  [
    'images in html',
    message(
      container('multipart/related', [
        textPart('<img src="cid:a@x"><img src="cid:b@x">', 'text/html; charset=utf-8'),
        binaryPart(
          jpeg(LARGE),
          'Content-Type: image/jpeg',
          'Content-ID: <a@x>',
          'Content-Disposition: inline; filename=a.jpg',
        ),
        binaryPart(someBytes(5000, 5), 'Content-Type: image/png; name=b.png', 'Content-ID: <b@x>'),
      ]),
    ),
  ],
  [
    'a forwarded message',
    mixed(scanned, {
      header: ['Content-Type: message/rfc822', 'Content-Disposition: attachment; filename=forwarded.eml'],
      body: FORWARDED,
    }),
  ],
  [
    'text files in every encoding',
    mixed(
      scanned,
      { header: ['Content-Type: text/csv; name=a.csv', 'Content-Transfer-Encoding: 7bit'], body: 'a;b\r\n1;2\r\n' },
      {
        header: ['Content-Type: text/csv; name=b.csv', 'Content-Transfer-Encoding: quoted-printable'],
        body: 'Gr=C3=BC=C3=9Fe;a soft =\r\nbreak;=3D;trailing=20\r\nend',
      },
      { header: ['Content-Type: text/xml; name=c.xml', 'Content-Transfer-Encoding: 8bit'], body: utf8('<a>ü</a>\r\n') },
      {
        header: ['Content-Type: text/plain', 'Content-Disposition: attachment; filename=d.txt'],
        body: 'no end of line',
      },
      {
        header: ['Content-Type: application/octet-stream; name=e.bin', 'Content-Transfer-Encoding: binary'],
        body: '\x00\xff\x80',
      },
    ),
  ],
  [
    'base64 as devices break it',
    mixed(
      scanned,
      ...[
        someBytes(3000, 9).toString('base64'),
        someBytes(3001, 9).toString('base64').replace(/.{61}/g, '$&\r\n'),
        `${someBytes(3002, 9).toString('base64').replace(/.{76}/g, '$&\r\n\r\n')}\r\n\r\n`,
      ].map((body, index) => ({
        header: [`Content-Type: application/octet-stream; name=${index}.bin`, 'Content-Transfer-Encoding: BASE64'],
        body,
      })),
    ),
  ],
  [
    'parts within parts',
    mixed(
      container(
        'multipart/mixed',
        [attached(someBytes(10, 1), 'image/gif', 'filename=inner.gif'), textPart('text')],
        'one',
      ),
      container('multipart/mixed', [container('multipart/mixed', [scanned], 'three')], 'two'),
      attached(someBytes(20, 2), 'image/gif', 'filename=outer.gif'),
    ),
  ],
];

for (const [what, sent] of SAMPLES)
  test(`${what}: as Python reads it`, async (t) => {
    assert.ok(sent.length > 3_000_000);
    const python = pythonsView(sent);
    assert.ok(!python.guessed, 'the sample is a sound message');
    const relay = await newLargeRelay(t);
    const mail = await relay.accept(sent);
    await relay.deliver(mail);
    assert.equal((await relay.state(mail)).state, 'sent', (await relay.state(mail)).reason ?? '');
    const [arrived] = await relay.messages();
    assert.equal(arrived!.via, 'draft');
    assert.deepEqual(
      arrived!.attachments.map(({ contentType, name, contentId, bytes, sha256 }) => {
        return { type: contentType, name, contentId, bytes, sha256 };
      }),
      python.attachments,
    );
    assert.ok(!what.startsWith('Japanese') || arrived!.attachments.slice(1).every(({ name }) => name === NAME));
    assert.ok(!what.startsWith('images') || arrived!.attachments.every(({ inline }) => inline));
  });

test('uuencode in a text: a draft cannot carry it, so the message as it is comes as an attachment', async (t) => {
  const lines = "M86)C9&5F9VAI:FML;6YO<'%R<W1U=G=X>7H P,3(S-#4V-S@Y04)#1$5&1TA)\r\n".repeat(60_000);
  const text = `begin 644 scan.bin\r\n${lines}\`\r\nend\r\n`;
  const sent = message({ header: ['Content-Type: text/plain'], body: text });
  const relay = await newLargeRelay(t);
  const mail = await relay.accept(sent);
  await relay.deliver(mail);
  const [arrived] = await relay.messages();
  assert.deepEqual(
    arrived!.attachments.map(({ contentType, sha256 }) => [contentType, sha256]),
    [['message/rfc822', sha256(sent)]],
  );
});
