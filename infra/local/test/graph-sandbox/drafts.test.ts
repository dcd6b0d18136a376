import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { graphError, mail, startSandbox } from './sandboxClient.ts';

const IMMUTABLE = { prefer: 'IdType="ImmutableId"' };
const USER = '/users/scan@contoso.com';
const to = (...addresses: string[]) => addresses.map((address) => ({ emailAddress: { address } }));
type Json = Record<string, unknown>;
type Sandbox = Awaited<ReturnType<typeof startSandbox>>;

async function create(
  sandbox: Sandbox,
  message: Json = {},
  headers: Record<string, string> = IMMUTABLE,
): Promise<Json> {
  const response = await sandbox.json(
    'POST',
    `${USER}/messages`,
    { toRecipients: to('bob@example.com'), ...message },
    headers,
  );
  assert.equal(response.status, 201);
  return (await response.json()) as Json;
}

async function get(sandbox: Sandbox, path: string, headers: Record<string, string> = IMMUTABLE) {
  const response = await sandbox.graph('GET', path, { headers });
  return { status: response.status, body: (await response.json()) as Json & { value: Json[] } };
}

const fileAttachment = (name: string, content: Buffer, more: Json = {}) => ({
  '@odata.type': '#microsoft.graph.fileAttachment',
  name,
  contentBytes: content.toString('base64'),
  ...more,
});

test('a draft with attachments, once sent, is listed with all its parts', async (t) => {
  const sandbox = await startSandbox(t);
  const draft = await create(sandbox, {
    subject: 'Übersicht',
    body: { contentType: 'HTML', content: '<p>Hi <img src="cid:logo"></p>' },
    from: to('scan@contoso.com')[0],
    ccRecipients: to('cc@example.com'),
    bccRecipients: to('hidden@example.com'),
    replyTo: to('help@contoso.com'),
    importance: 'high',
    internetMessageId: '<d1@contoso.com>',
    internetMessageHeaders: [{ name: 'X-Device', value: 'printer 7' }],
    isReadReceiptRequested: true,
  });
  assert.equal(draft.isDraft, true);
  assert.equal(draft.internetMessageId, '<d1@contoso.com>');
  const path = `${USER}/messages/${draft.id}`;
  const logo = Buffer.from([0, 1, 2]);
  const added = await sandbox.json(
    'POST',
    `${path}/attachments`,
    fileAttachment('logo.png', logo, { contentType: 'image/png', contentId: 'logo', isInline: true }),
  );
  assert.equal(added.status, 201);
  assert.equal(((await added.json()) as Json).size, 3);
  assert.equal((await sandbox.messages()).length, 0);
  assert.equal((await sandbox.graph('POST', `${path}/send`)).status, 202);

  const [sent] = await sandbox.messages();
  const { acceptedAt: _, ...said } = sent!;
  assert.deepEqual(said, {
    id: draft.id,
    mailbox: 'scan@contoso.com',
    via: 'draft',
    from: 'scan@contoso.com',
    sender: '',
    replyTo: ['help@contoso.com'],
    to: ['bob@example.com'],
    cc: ['cc@example.com'],
    bcc: ['hidden@example.com'],
    subject: 'Übersicht',
    messageId: '<d1@contoso.com>',
    bytes: 33,
    text: '',
    html: '<p>Hi <img src="cid:logo"></p>',
    attachments: [
      {
        name: 'logo.png',
        contentType: 'image/png',
        bytes: 3,
        sha256: createHash('sha256').update(logo).digest('hex'),
        contentId: 'logo',
        inline: true,
      },
    ],
  });
  const mime = await fetch(`${sandbox.url}/sandbox/messages/${draft.id}/mime`);
  assert.equal(mime.status, 404);
  assert.match(((await mime.json()) as { error: string }).error, /sent as a draft/);
  const select = '?$select=isDraft,importance,internetMessageHeaders,isReadReceiptRequested';
  assert.deepEqual((await get(sandbox, path + select)).body, {
    '@odata.context': `${sandbox.url}/v1.0/$metadata#users('scan%40contoso.com')/messages`,
    id: draft.id,
    isDraft: false,
    importance: 'high',
    internetMessageHeaders: [{ name: 'X-Device', value: 'printer 7' }],
    isReadReceiptRequested: true,
  });
});

test('a sent draft cannot be sent, changed or added to again', async (t) => {
  const sandbox = await startSandbox(t);
  const path = `${USER}/messages/${(await create(sandbox)).id}`;
  const both = await Promise.all([1, 2].map(() => sandbox.graph('POST', `${path}/send`)));
  assert.deepEqual(both.map((response) => response.status).sort(), [202, 404]);
  const again = await sandbox.graph('POST', `${path}/send`);
  assert.equal(again.status, 404);
  assert.equal((await graphError(again)).code, 'ErrorItemNotFound');
  assert.equal((await sandbox.json('POST', `${path}/attachments`, fileAttachment('a', Buffer.from('a')))).status, 404);
  assert.equal((await sandbox.json('PATCH', path, { subject: 'x' })).status, 403);
  assert.equal((await sandbox.messages()).length, 1);
});

test('the immutable id outlives sending, the other id does not', async (t) => {
  const sandbox = await startSandbox(t);
  const draft = await create(sandbox, {}, {});
  const moving = `${USER}/messages/${draft.id}`;
  const { body } = await get(sandbox, moving);
  assert.notEqual(body.id, draft.id);
  assert.equal((await sandbox.graph('POST', `${moving}/send`)).status, 202);
  assert.equal((await get(sandbox, moving)).status, 404);
  assert.equal((await get(sandbox, `${USER}/messages/${body.id}`)).body.isDraft, false);
  assert.equal((await sandbox.messages())[0]?.id, body.id);
});

test('a message is found by its Message-ID among drafts and sent mail of its mailbox', async (t) => {
  const sandbox = await startSandbox(t);
  const id = "<o'brien+1@contoso.com>";
  const find = async (folder: string, more = '') => {
    const filter = encodeURIComponent(`internetMessageId eq '${id.replaceAll("'", "''")}'${more}`);
    const { status, body } = await get(sandbox, `${USER}${folder}/messages?$filter=${filter}&$select=isDraft,subject`);
    assert.equal(status, 200);
    return body.value.map((item) => item.isDraft);
  };
  assert.deepEqual(await find(''), []);
  const draft = await create(sandbox, { internetMessageId: id, subject: 'one' });
  await create(sandbox, { internetMessageId: '<other@contoso.com>' });
  assert.deepEqual(
    [await find(''), await find('/mailFolders/drafts'), await find('/mailFolders/SentItems')],
    [[true], [true], []],
  );
  await sandbox.graph('POST', `${USER}/messages/${draft.id}/send`);
  await sandbox.sendMime('scan@contoso.com', mail([`Message-ID: ${id}`, 'Subject: two']));
  await sandbox.sendMime('other@contoso.com', mail([`Message-ID: ${id}`]));
  assert.deepEqual([await find(''), await find('/mailFolders/drafts')], [[false, false], []]);
  assert.deepEqual(await find('', " and subject eq 'two'"), [false]);
  const hour = (n: number) => new Date(Date.now() + n * 3_600_000).toISOString();
  assert.deepEqual(await find('', ` and createdDateTime ge ${hour(-1)} and createdDateTime le ${hour(1)}`), [
    false,
    false,
  ]);
  assert.deepEqual(await find('', ` and sentDateTime gt ${hour(1)}`), []);
  const bad = await sandbox.graph('GET', `${USER}/messages?$filter=${encodeURIComponent("contains(subject,'x')")}`);
  assert.equal((await graphError(bad)).code, 'ErrorInvalidUrlQueryFilter');
  const select = await sandbox.graph('GET', `${USER}/messages?$select=isdraft,colour`);
  assert.equal((await graphError(select)).code, 'RequestBroker--ParseUri');
});

test('lists are newest first and come in pages', async (t) => {
  const sandbox = await startSandbox(t);
  for (const n of [1, 2, 3]) await sandbox.sendMime('scan@contoso.com', mail([`Subject: ${n}`]));
  const first = await get(sandbox, `${USER}/messages?$top=2&$select=subject`);
  assert.deepEqual(
    first.body.value.map((item) => item.subject),
    ['3', '2'],
  );
  const next = await fetch(String(first.body['@odata.nextLink']), { headers: { authorization: 'Bearer x' } });
  const { value, ...rest } = (await next.json()) as { value: Json[] };
  assert.deepEqual([value.map((item) => item.subject), '@odata.nextLink' in rest], [['1'], false]);
});

test('a draft can be changed, deleted and is gone then', async (t) => {
  const sandbox = await startSandbox(t);
  const path = `${USER}/messages/${(await create(sandbox, { subject: 'old' })).id}`;
  const changed = await sandbox.json('PATCH', path, { subject: 'new', internetMessageId: '<new@contoso.com>' });
  assert.equal(changed.status, 200);
  const { body } = await get(sandbox, path);
  assert.deepEqual([body.subject, body.internetMessageId], ['new', '<new@contoso.com>']);
  assert.equal((await sandbox.json('PATCH', path, { attachments: [] })).status, 400);
  assert.equal((await sandbox.graph('DELETE', path)).status, 204);
  for (const method of ['GET', 'DELETE']) assert.equal((await sandbox.graph(method, path)).status, 404);
  assert.equal((await sandbox.graph('POST', `${path}/send`)).status, 404);
});

test('a sent copy that is deleted was delivered all the same', async (t) => {
  const sandbox = await startSandbox(t);
  await sandbox.sendMime('scan@contoso.com', mail());
  const { body } = await get(sandbox, `${USER}/mailFolders/sentitems/messages`);
  const path = `${USER}/messages/${body.value[0]!.id}`;
  assert.equal((await sandbox.graph('POST', `${path}/permanentDelete`)).status, 204);
  assert.equal((await get(sandbox, path)).status, 404);
  assert.equal((await sandbox.messages()).length, 1);
});

test('a draft belongs to its mailbox', async (t) => {
  const sandbox = await startSandbox(t);
  const { id } = await create(sandbox);
  assert.equal((await get(sandbox, `/users/other@contoso.com/messages/${id}`)).status, 404);
});

test('sendMail takes JSON, with or without a copy in Sent Items', async (t) => {
  const sandbox = await startSandbox(t);
  const message = {
    subject: 'json',
    body: { contentType: 'Text', content: 'plain' },
    toRecipients: to('bob@example.com'),
    attachments: [fileAttachment('a.txt', Buffer.from('abc'), { contentType: 'text/plain' })],
  };
  assert.equal((await sandbox.json('POST', `${USER}/sendMail`, { message, saveToSentItems: false })).status, 202);
  assert.equal((await sandbox.json('POST', `${USER}/sendMail`, { Message: message })).status, 202);
  const [first, second] = await sandbox.messages();
  assert.deepEqual([first?.via, first?.text, first?.attachments[0]?.name], ['draft', 'plain', 'a.txt']);
  const { body } = await get(sandbox, `${USER}/messages`);
  assert.deepEqual(
    body.value.map((item) => item.id),
    [second?.id],
  );
  const refused = await sandbox.json('POST', `${USER}/sendMail`, { message: { ...message, toRecipients: [] } });
  assert.equal((await graphError(refused)).code, 'ErrorInvalidRecipients');
  assert.deepEqual((await get(sandbox, `${USER}/mailFolders/drafts/messages`)).body.value, []);
});

test('a draft from MIME keeps its text and attachments, and takes more', async (t) => {
  const sandbox = await startSandbox(t);
  const mime = mail(
    [
      'Bcc: hidden@example.com',
      'Message-ID: <m@contoso.com>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
    ],
    '--b\r\n\r\nText\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n',
  );
  const response = await sandbox.graph('POST', `${USER}/messages`, {
    body: Buffer.from(mime).toString('base64'),
    headers: { 'content-type': 'text/plain', ...IMMUTABLE },
  });
  assert.equal(response.status, 201);
  const { id } = (await response.json()) as Json;
  const path = `${USER}/messages/${id}`;
  await sandbox.json('POST', `${path}/attachments`, fileAttachment('b.txt', Buffer.from('b')));
  assert.equal((await sandbox.graph('POST', `${path}/send`)).status, 202);
  const [sent] = await sandbox.messages();
  assert.deepEqual(
    [sent?.text, sent?.bcc, sent?.messageId, sent?.attachments.map((attachment) => attachment.name)],
    ['Text', ['hidden@example.com'], '<m@contoso.com>', ['a.pdf', 'b.txt']],
  );
});

const header = (name: string) => ({ name, value: 'v' });
for (const [what, message, status, code] of [
  [
    'a header that is not of the X kind',
    { internetMessageHeaders: [header('In-Reply-To')] },
    400,
    'InvalidInternetMessageHeader',
  ],
  [
    'six headers',
    { internetMessageHeaders: Array(6).fill(header('X-A')) },
    400,
    'InvalidInternetMessageHeaderCollection',
  ],
  ['an empty list of headers', { internetMessageHeaders: [] }, 400, 'InvalidInternetMessageHeaderCollection'],
  ['an unknown property', { subjekt: 'x' }, 400, 'RequestBodyRead'],
  ['recipients that are no list', { toRecipients: 'bob@example.com' }, 400, 'RequestBodyRead'],
  ['a body of an unknown type', { body: { contentType: 'rtf', content: '' } }, 400, 'RequestBodyRead'],
  [
    'an attachment that is not base64',
    { attachments: [{ ...fileAttachment('a', Buffer.from('a')), contentBytes: '?' }] },
    400,
    'RequestBodyRead',
  ],
  ['4 MB and more', { body: { contentType: 'text', content: 'x'.repeat(4_194_304) } }, 400, 'BadRequest'],
] as const)
  test(`a draft with ${what} is refused`, async (t) => {
    const sandbox = await startSandbox(t);
    const response = await sandbox.json('POST', `${USER}/messages`, message);
    assert.equal(response.status, status);
    const error = await graphError(response);
    assert.equal(error.code, code);
    if (code === 'BadRequest') assert.equal(error.message, 'The maximum request length supported is 4MB.');
  });

test('a draft without recipients, with a bad one, or from somebody else can be made but not sent', async (t) => {
  const sandbox = await startSandbox(t, { mailboxes: [{ address: 'scan@contoso.com', maxSendBytes: 100 }] });
  for (const [message, code] of [
    [{ toRecipients: [] }, '400 ErrorInvalidRecipients'],
    [{ toRecipients: to('bob') }, '400 ErrorInvalidRecipients'],
    [{ from: to('boss@contoso.com')[0] }, '403 ErrorSendAsDenied'],
    [{ body: { contentType: 'text', content: 'x'.repeat(101) } }, '413 ErrorMessageSizeExceeded'],
  ] as const) {
    const response = await sandbox.graph('POST', `${USER}/messages/${(await create(sandbox, message)).id}/send`);
    assert.equal(`${response.status} ${(await graphError(response)).code}`, code);
  }
  assert.deepEqual(await sandbox.messages(), []);
});

test('drafts survive a restart, and DELETE /sandbox/messages takes them too', async (t) => {
  const first = await startSandbox(t);
  const draft = await create(first, { subject: 'kept' });
  const path = `${USER}/messages/${draft.id}`;
  await first.json('POST', `${path}/attachments`, fileAttachment('a.txt', Buffer.from('abc')));
  await first.close();
  const second = await startSandbox(t, { dataDir: first.dataDir });
  assert.equal((await get(second, path)).body.subject, 'kept');
  const { body } = await get(second, `${path}/attachments`);
  const content = await second.graph('GET', `${path}/attachments/${body.value[0]!.id}/$value`);
  assert.equal(await content.text(), 'abc');
  assert.equal((await second.graph('DELETE', `${path}/attachments/${body.value[0]!.id}`)).status, 204);
  assert.deepEqual((await get(second, `${path}/attachments`)).body.value, []);
  await fetch(`${second.url}/sandbox/messages`, { method: 'DELETE' });
  assert.equal((await get(second, path)).status, 404);
});
