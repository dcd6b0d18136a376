import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphError, mail, startSandbox } from './sandboxClient.ts';

test('a posted message is listed with what it says, and its bytes come back as they were', async (t) => {
  const sandbox = await startSandbox(t);
  const mime = mail(
    [
      'From: "Drucker, 2. OG" <printer@contoso.com>',
      'Sender: relay@contoso.com',
      'Reply-To: help@contoso.com, it@contoso.com',
      'To: =?utf-8?B?SsO8cmdlbg==?= <juergen@example.com>, team: a@example.com, b@xn--bcher-kva.example;',
      'Cc: "x@y.example" <cc@example.com>',
      'Bcc: hidden@example.com,',
      '\tfolded@example.com',
      'Subject: =?utf-8?Q?=C3=BCber?= =?utf-8?B?IPCfk6A=?=',
      'Message-ID: <one@contoso.com>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
    ],
    [
      '--b',
      'Content-Type: multipart/related; boundary=r',
      '',
      '--r',
      'Content-Type: multipart/alternative; boundary=a',
      '',
      '--a',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Gr=FC=DFe',
      '--a',
      'Content-Type: text/html; charset=utf-8',
      '',
      '<p>Hi <img src="cid:logo@x"></p>',
      '--a--',
      '--r',
      'Content-Type: image/png',
      'Content-ID: <logo@x>',
      'Content-Transfer-Encoding: base64',
      '',
      'AAEC',
      '--r--',
      '--b',
      'Content-Type: application/octet-stream',
      "Content-Disposition: attachment; filename*=utf-8''Scan%20%C3%BC.pdf",
      'Content-Transfer-Encoding: base64',
      '',
      'AwQF',
      '--b--',
      '',
    ].join('\r\n'),
  );
  const response = await sandbox.sendMime('Printer@contoso.com', mime, { 'client-request-id': 'abc' });
  assert.equal(response.status, 202);
  assert.equal(await response.text(), '');
  assert.equal(response.headers.get('client-request-id'), 'abc');
  assert.match(response.headers.get('request-id') ?? '', /^[0-9a-f-]{36}$/);

  const [message, ...others] = await sandbox.messages();
  assert.equal(others.length, 0);
  const { id, acceptedAt, ...said } = message!;
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(Math.abs(Date.parse(acceptedAt) - Date.now()) < 10_000);
  assert.deepEqual(said, {
    mailbox: 'Printer@contoso.com',
    via: 'mime',
    from: 'printer@contoso.com',
    sender: 'relay@contoso.com',
    replyTo: ['help@contoso.com', 'it@contoso.com'],
    to: ['juergen@example.com', 'a@example.com', 'b@xn--bcher-kva.example'],
    cc: ['cc@example.com'],
    bcc: ['hidden@example.com', 'folded@example.com'],
    subject: 'über 📠',
    messageId: '<one@contoso.com>',
    bytes: Buffer.byteLength(mime),
    text: 'Grüße',
    html: '<p>Hi <img src="cid:logo@x"></p>',
    attachments: [
      {
        name: '',
        contentType: 'image/png',
        bytes: 3,
        sha256: 'ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc',
        contentId: 'logo@x',
        inline: true,
      },
      {
        name: 'Scan ü.pdf',
        contentType: 'application/octet-stream',
        bytes: 3,
        sha256: '2848698aa4b3431e3db06c343ca2cb0455f8aaf16c85cdd828c92ddf7dc134f8',
        contentId: '',
        inline: false,
      },
    ],
  });
  const posted = await fetch(`${sandbox.url}/sandbox/messages/${id}/mime`);
  assert.equal(posted.headers.get('content-type'), 'message/rfc822');
  assert.equal(await posted.text(), mime);
});

test('what a message does not have is listed as an empty string or an empty list', async (t) => {
  const sandbox = await startSandbox(t);
  assert.equal((await sandbox.sendMime('a@contoso.com', 'Bcc: b@example.com\r\n\r\n')).status, 202);
  const { id: _, acceptedAt: __, ...said } = (await sandbox.messages())[0]!;
  assert.deepEqual(said, {
    mailbox: 'a@contoso.com',
    via: 'mime',
    from: '',
    sender: '',
    replyTo: [],
    to: [],
    cc: [],
    bcc: ['b@example.com'],
    subject: '',
    messageId: '',
    bytes: 22,
    text: '',
    html: '',
    attachments: [],
  });
});

test('a message that no parser gets through is listed by its header', async (t) => {
  const sandbox = await startSandbox(t);
  const parts = '--b\r\n\r\n\r\n'.repeat(5000);
  const bomb = mail(['Subject: bomb', 'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b'], parts);
  assert.equal((await sandbox.sendMime('a@contoso.com', bomb)).status, 202);
  assert.equal((await sandbox.sendMime('a@contoso.com', mail(['Subject: next']))).status, 202);
  const [first, second] = await sandbox.messages();
  assert.deepEqual([first?.subject, first?.to, first?.bytes], ['bomb', ['bob@example.com'], bomb.length]);
  assert.equal(second?.subject, 'next');
});

for (const [what, body] of [
  ['bytes outside the alphabet', 'RnJvbTogYUBi_w=='],
  ['a length that base64 cannot have', 'RnJvb'],
  ['no body', ''],
  ['no message but text', Buffer.from('Hello world').toString('base64')],
] as const)
  test(`${what} is refused as invalid base64 for MIME`, async (t) => {
    const sandbox = await startSandbox(t);
    const response = await sandbox.graph('POST', '/users/a@contoso.com/sendMail', {
      body,
      headers: { 'content-type': 'text/plain' },
    });
    assert.equal(response.status, 400);
    const error = await graphError(response);
    assert.equal(error.code, 'ErrorMimeContentInvalidBase64String');
    assert.equal(error.message, 'Invalid base64 string for MIME content.');
    assert.match(error.innerError.date!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
    assert.equal(error.innerError['request-id'], response.headers.get('request-id'));
    assert.equal(error.innerError['client-request-id'], response.headers.get('client-request-id'));
    assert.deepEqual(await sandbox.messages(), []);
  });

test('line breaks in the base64 are no fault', async (t) => {
  const sandbox = await startSandbox(t);
  const body = Buffer.from(mail())
    .toString('base64')
    .replace(/(.{60})/g, '$1\r\n');
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  assert.equal((await sandbox.graph('POST', '/users/a@contoso.com/sendMail', { body, headers })).status, 202);
});

test('a call without a token is refused', async (t) => {
  const sandbox = await startSandbox(t);
  for (const authorization of ['', 'Bearer', 'Bearer ', 'Basic abc']) {
    const response = await sandbox.sendMime('a@contoso.com', mail(), { authorization });
    assert.equal(response.status, 401, authorization);
    assert.equal((await graphError(response)).code, 'InvalidAuthenticationToken');
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/);
  }
});

test('a message of 3,145,728 bytes is taken, one more is too large for the gateway', async (t) => {
  const sandbox = await startSandbox(t);
  const head = mail();
  const largest = head + 'x'.repeat(3_145_728 - head.length);
  assert.equal((await sandbox.sendMime('a@contoso.com', largest)).status, 202);
  const response = await sandbox.sendMime('a@contoso.com', `${largest}x`);
  assert.equal(response.status, 413);
  assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
  assert.equal((await sandbox.messages()).length, 1);
});

for (const [what, lines, text] of [
  ['without recipients', ['To: undisclosed-recipients:;'], /contains no recipients/],
  ['to a name without an address', ['To: Bob'], /'Bob' is not resolved/],
] as const)
  test(`a message ${what} is refused`, async (t) => {
    const sandbox = await startSandbox(t);
    const response = await sandbox.sendMime('a@contoso.com', mail(lines));
    assert.equal(response.status, 400);
    const error = await graphError(response);
    assert.equal(error.code, 'ErrorInvalidRecipients');
    assert.match(error.message, text);
  });

test('with a mailbox list, others do not exist and From must be one it may send as', async (t) => {
  const sandbox = await startSandbox(t, {
    mailboxes: [
      { address: 'printer@contoso.com', id: '7d3f', sendAs: ['scan@contoso.com'] },
      { address: 'gone@contoso.com', enabled: false },
    ],
  });
  const code = async (mailbox: string, lines: string[]) => {
    const response = await sandbox.sendMime(mailbox, mail(lines));
    return response.status === 202 ? '202' : `${response.status} ${(await graphError(response)).code}`;
  };
  assert.equal(await code('PRINTER@contoso.com', ['From: Printer@Contoso.com']), '202');
  assert.equal(await code('7d3f', ['From: scan@contoso.com']), '202');
  assert.equal(await code('printer@contoso.com', ['From: boss@contoso.com']), '403 ErrorSendAsDenied');
  assert.equal(
    await code('printer@contoso.com', ['From: printer@contoso.com, boss@contoso.com']),
    '403 ErrorSendAsDenied',
  );
  assert.equal(await code('printer@contoso.com', ['Sender: boss@contoso.com']), '403 ErrorSendAsDenied');
  assert.equal(await code('nobody@contoso.com', []), '404 ErrorInvalidUser');
  assert.equal(await code('scan@contoso.com', []), '404 ErrorInvalidUser');
  assert.equal(await code('gone@contoso.com', []), '404 MailboxNotEnabledForRESTAPI');
  assert.deepEqual(
    (await sandbox.messages()).map((message) => message.mailbox),
    ['printer@contoso.com', 'printer@contoso.com'],
  );
});

test('what is not there says what is', async (t) => {
  const sandbox = await startSandbox(t);
  const unknown = await sandbox.graph('GET', '/users/a@contoso.com/calendar');
  assert.equal(unknown.status, 400);
  assert.match((await graphError(unknown)).message, /no route for GET \/v1\.0\/users\/a@contoso\.com\/calendar/);
  const me = await sandbox.graph('POST', '/me/sendMail');
  assert.match((await graphError(me)).message, /only valid with delegated/);
  const method = await sandbox.graph('GET', '/users/a@contoso.com/sendMail');
  assert.equal(method.status, 405);
  assert.equal(method.headers.get('allow'), 'POST');
});
