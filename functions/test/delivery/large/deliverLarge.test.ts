// Large mail arrives whole: every attachment, everybody in the envelope and nobody else, whatever the names are written in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newLargeRelay } from './largeRelay.ts';
import { binaryPart, container, message, scan, sha256, someBytes, textPart, utf8 } from './mailSamples.ts';

/** A name in Shift_JIS and in ISO-2022-JP: there is no encoder for them in Node. */
const SCAN_IN_SHIFT_JIS = '\x83\x58\x83\x4c\x83\x83\x83\x93\x95\x5c.pdf';
const SCAN_IN_ISO_2022_JP = '\x1b$B%9%-%c%sI=\x1b(B.pdf';
const SCAN_NAME = 'スキャン表.pdf';

test('a scan that fits into no single request arrives with its attachment byte for byte', async (t) => {
  const relay = await newLargeRelay(t);
  const bytes = 9_000_001;
  const mail = await relay.accept(scan(bytes));
  await relay.deliver(mail);
  const record = await relay.state(mail);
  assert.equal(record.state, 'sent', record.reason ?? '');
  const [sent, ...others] = await relay.messages();
  assert.equal(others.length, 0);
  assert.equal(sent!.via, 'draft');
  assert.equal(sent!.subject, 'Scan');
  assert.equal(sent!.messageId, mail.messageId);
  assert.deepEqual([sent!.to, sent!.cc, sent!.bcc], [['bob@contoso.com'], [], []]);
  assert.equal(sent!.text.trim(), 'Scanned from the second floor.');
  assert.deepEqual(sent!.attachments, [
    {
      name: 'scan.pdf',
      contentType: 'application/pdf',
      bytes,
      sha256: sha256(someBytes(bytes)),
      contentId: '',
      inline: false,
    },
  ]);
  assert.deepEqual(relay.names(), ['mail.sent']);
  const progress = relay.seen.filter(({ name }) => name === 'relay.progress').at(-1)!.attributes;
  assert.deepEqual(progress, { id: mail.id, attempt: 1, uploadedBytes: bytes, totalBytes: bytes });
  assert.equal(relay.store.bodies.size, 0);
  assert.equal((await relay.drafts()).length, 0);
});

test('attachments of every size and type keep their bytes, order and names', async (t) => {
  const relay = await newLargeRelay(t);
  const tiff = Buffer.concat([Buffer.from('II*\0'), someBytes(3_276_800, 2)]);
  const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), someBytes(2_999_996, 3)]);
  const forwarded = 'From: a@b.example\r\nSubject: inner\r\nBcc: secret@b.example\r\n\r\nHello\r\n--not a boundary\r\n';
  const text = 'a line\r\nanother\r\n';
  const mail = await relay.accept(
    message(
      container('multipart/mixed', [
        binaryPart(
          tiff,
          'Content-Type: image/tiff; application=faxbw',
          'Content-Disposition: attachment; filename=fax.tif',
        ),
        binaryPart(jpeg, 'Content-Type: image/jpeg; name=photo.jpg', 'Content-Disposition: inline; filename=photo.jpg'),
        { header: ['Content-Type: message/rfc822', 'Content-Disposition: inline'], body: forwarded },
        { header: ['Content-Type: text/plain', 'Content-Disposition: attachment; filename=log.txt'], body: text },
        { header: ['Content-Type: application/x-empty'], body: '' },
      ]),
    ),
  );
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.deepEqual(
    sent?.attachments.map(({ name, contentType, bytes, sha256 }) => [name, contentType, bytes, sha256]),
    [
      ['fax.tif', 'image/tiff', tiff.length, sha256(tiff)],
      ['photo.jpg', 'image/jpeg', jpeg.length, sha256(jpeg)],
      ['message-3.eml', 'message/rfc822', forwarded.length, sha256(Buffer.from(forwarded))],
      ['log.txt', 'text/plain', text.length, sha256(Buffer.from(text))],
      ['attachment-5.bin', 'application/x-empty', 0, sha256(Buffer.alloc(0))],
    ],
  );
});

for (const [what, header] of [
  ['RFC 2231', `filename*=utf-8''${encodeURIComponent(SCAN_NAME)}`],
  [
    'RFC 2231 in pieces',
    `filename*0*=utf-8''${encodeURIComponent('スキャン')};\r\n filename*1*=${encodeURIComponent('表')};\r\n filename*2=.pdf`,
  ],
  ['RFC 2231 in ISO-2022-JP', `filename*=iso-2022-jp'ja'%1B%24B%25%39%25%2D%25%63%25%73I%3D%1B%28B.pdf`],
  ['RFC 2047', `filename="=?UTF-8?B?${Buffer.from(SCAN_NAME).toString('base64')}?="`],
  [
    'RFC 2047 in ISO-2022-JP',
    `filename="=?ISO-2022-JP?B?${Buffer.from(SCAN_IN_ISO_2022_JP, 'latin1').toString('base64')}?="`,
  ],
  ['raw UTF-8', `filename="${utf8(SCAN_NAME)}"`],
  ['raw Shift_JIS, with a backslash in a character', `filename="${SCAN_IN_SHIFT_JIS}"`],
  ['raw ISO-2022-JP', `filename="${SCAN_IN_ISO_2022_JP}"`],
] as const)
  test(`a Japanese file name in ${what} arrives as it was meant`, async (t) => {
    const relay = await newLargeRelay(t);
    const part = binaryPart(
      someBytes(3_100_000),
      'Content-Type: application/pdf',
      `Content-Disposition: attachment; ${header}`,
    );
    const mail = await relay.accept(message(container('multipart/mixed', [part])));
    await relay.deliver(mail);
    const [sent] = await relay.messages();
    assert.equal(sent?.attachments[0]?.name, SCAN_NAME);
  });

test('html arrives with its images in place, and a text that stands beside it is not lost', async (t) => {
  const relay = await newLargeRelay(t);
  const images = [someBytes(3_200_000, 4), someBytes(1000, 5), someBytes(1000, 6)];
  const html = '<p>Grüße</p><img src="cid:logo@x"><img src="cid:second%40x">';
  const mail = await relay.accept(
    message(
      container('multipart/mixed', [
        container('multipart/related', [
          container('multipart/alternative', [textPart('Grüße'), textPart(html, 'text/html; charset=utf-8')]),
          binaryPart(images[0]!, 'Content-Type: image/png; name=a.png', 'Content-ID: <logo@x>'),
          binaryPart(images[1]!, 'Content-Type: image/png; name=b.png', 'Content-ID: <second@x>'),
          binaryPart(images[2]!, 'Content-Type: image/png; name=c.png', 'Content-ID: <unused@x>'),
        ]),
        textPart('1 < 2 & a footer'),
      ]),
    ),
  );
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.ok(sent);
  assert.ok(sent.html.startsWith(html), sent.html);
  assert.ok(sent.html.includes('1 &lt; 2 &amp; a footer'));
  assert.deepEqual(
    sent.attachments.map(({ contentId, inline, sha256 }) => [contentId, inline, sha256]),
    [
      ['logo@x', true, sha256(images[0]!)],
      ['second@x', true, sha256(images[1]!)],
      ['unused@x', false, sha256(images[2]!)],
    ],
  );
});

test('a mail that is nothing but one attachment arrives as that', async (t) => {
  const relay = await newLargeRelay(t);
  const pdf = someBytes(3_000_000);
  const mail = await relay.accept(message(binaryPart(pdf, 'Content-Type: application/pdf; name=x.pdf')));
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.deepEqual(
    sent?.attachments.map(({ name, sha256 }) => [name, sha256]),
    [['x.pdf', sha256(pdf)]],
  );
  assert.equal(sent.text, '');
});

test('the envelope gets the mail, all of it and nobody else; the rest of the header comes along as a draft can', async (t) => {
  const relay = await newLargeRelay(t);
  const header = [
    `From: =?utf-8?q?B=C3=BCro?= <scan@contoso.com>`,
    'Sender: somebody@else.example',
    'To: "Doe, Jane" <jane@contoso.com>, stranger@contoso.com',
    'Cc: Team: carl@contoso.com, other@contoso.com;',
    'Bcc: hidden@contoso.com',
    'Reply-To: "Help" <help@contoso.com>',
    `Subject: =?iso-2022-jp?b?${Buffer.from('\x1b$B%9%-%c%sI=\x1b(B', 'latin1').toString('base64')}?=`,
    'X-Priority: 1 (Highest)',
    'Disposition-Notification-To: scan@contoso.com',
    'Return-Receipt-To: scan@contoso.com',
    ...['X-Mailer: Canon MFP', 'X-Two: 2', 'X-Three: 3', 'X-Four: 4', 'X-Five: 5', 'X-Six: 6'],
  ];
  const to = ['jane@contoso.com', 'CARL@contoso.com', 'hidden@contoso.com', 'unseen@contoso.com'];
  const mail = await relay.accept(scan(3_100_000, header), { to });
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.ok(sent);
  assert.equal(sent.from, 'scan@contoso.com');
  assert.equal(sent.sender, '');
  assert.deepEqual(sent.to, ['jane@contoso.com']);
  assert.deepEqual(sent.cc, ['carl@contoso.com']);
  assert.deepEqual(sent.bcc, ['hidden@contoso.com', 'unseen@contoso.com']);
  assert.deepEqual(sent.replyTo, ['help@contoso.com']);
  assert.equal(sent.subject, 'スキャン表');
  const shown = await relay.sentMessage(
    'from,toRecipients,importance,isReadReceiptRequested,isDeliveryReceiptRequested,internetMessageHeaders',
  );
  assert.deepEqual(shown.from, { emailAddress: { name: 'Büro', address: 'scan@contoso.com' } });
  assert.deepEqual(shown.toRecipients, [{ emailAddress: { name: 'Doe, Jane', address: 'jane@contoso.com' } }]);
  assert.deepEqual(
    [shown.importance, shown.isReadReceiptRequested, shown.isDeliveryReceiptRequested],
    ['high', true, true],
  );
  assert.deepEqual(shown.internetMessageHeaders, [
    { name: 'X-Mailer', value: 'Canon MFP' },
    { name: 'X-Two', value: '2' },
    { name: 'X-Three', value: '3' },
    { name: 'X-Four', value: '4' },
    { name: 'X-Five', value: '5' },
  ]);
});

test('a header that runs into the body ends there, and the body is whole', async (t) => {
  const relay = await newLargeRelay(t);
  const text = `This line is no field\r\n${'more of it\r\n'.repeat(90_000)}`;
  const head = 'From: scan@contoso.com\r\nTo: bob@contoso.com\r\nSubject: x\r\n';
  const mail = await relay.accept(Buffer.from(head + text), { asDraft: true });
  await relay.deliver(mail);
  assert.equal((await relay.messages())[0]?.text.replaceAll('\n', '\r\n'), text);
});

test('a part without any header is text', async (t) => {
  const relay = await newLargeRelay(t);
  const pdf = binaryPart(someBytes(3_100_000), 'Content-Type: application/pdf; name=x.pdf');
  const bare = { header: [], body: 'No header, just text.' };
  const content = container('multipart/mixed', [bare, pdf]);
  const mail = await relay.accept(message({ ...content, body: content.body.replace('\r\n\r\n\r\n', '\r\n\r\n') }));
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.equal(sent?.text.trim(), 'No header, just text.');
  assert.equal(sent.attachments[0]?.name, 'x.pdf');
});

test('in pilot mode a large mail goes to one address, and says who would have got it', async (t) => {
  const relay = await newLargeRelay(t, { REDIRECT_ALL_TO: 'pilot@contoso.com' });
  const mail = await relay.accept(scan(3_100_000));
  await relay.deliver(mail);
  const [sent] = await relay.messages();
  assert.deepEqual([...sent!.to, ...sent!.cc, ...sent!.bcc], ['pilot@contoso.com']);
  const { internetMessageHeaders } = await relay.sentMessage('internetMessageHeaders');
  assert.deepEqual(internetMessageHeaders, [{ name: 'X-Relay-Original-Recipients', value: 'bob@contoso.com' }]);
});
