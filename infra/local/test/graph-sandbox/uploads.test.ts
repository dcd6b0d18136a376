import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { graphError, startSandbox } from './sandboxClient.ts';

const USER = '/users/scan@contoso.com';
const STEP = 12 * 320 * 1024;
type Sandbox = Awaited<ReturnType<typeof startSandbox>>;
interface Session {
  readonly uploadUrl: string;
  readonly expirationDateTime: string;
  readonly nextExpectedRanges: string[];
}

async function createDraft(sandbox: Sandbox): Promise<string> {
  const toRecipients = [{ emailAddress: { address: 'bob@example.com' } }];
  const prefer = { prefer: 'IdType="ImmutableId"' };
  const response = await sandbox.json('POST', `${USER}/messages`, { toRecipients }, prefer);
  return `${USER}/messages/${((await response.json()) as { id: string }).id}`;
}

function openSession(sandbox: Sandbox, draft: string, item: Record<string, unknown>) {
  const AttachmentItem = { attachmentType: 'file', name: 'scan.pdf', ...item };
  return sandbox.json('POST', `${draft}/attachments/createUploadSession`, { AttachmentItem });
}

async function createSession(sandbox: Sandbox, draft: string, item: Record<string, unknown>): Promise<Session> {
  const response = await openSession(sandbox, draft, item);
  assert.equal(response.status, 201);
  return (await response.json()) as Session;
}

function putRange(url: string, start: number, range: Uint8Array, total: number, headers: Record<string, string> = {}) {
  return fetch(url, {
    method: 'PUT',
    body: new Uint8Array(range),
    headers: {
      'content-type': 'application/octet-stream',
      'content-range': `bytes ${start}-${start + range.length - 1}/${total}`,
      ...headers,
    },
  });
}

test('a large attachment goes up in ranges and is in the sent message byte by byte', async (t) => {
  const sandbox = await startSandbox(t);
  const draft = await createDraft(sandbox);
  const content = randomBytes(2 * STEP + 1000);
  const item = { size: content.length, contentType: 'application/pdf', isInline: true, contentId: '<page1>' };
  const session = await createSession(sandbox, draft, item);
  assert.deepEqual(session.nextExpectedRanges, ['0-']);
  assert.ok(Date.parse(session.expirationDateTime) > Date.now());
  assert.ok(session.uploadUrl.startsWith(`${sandbox.url}/v1.0/users/scan%40contoso.com/messages/`));
  assert.match(session.uploadUrl, /\?authtoken=[0-9a-f-]{36}$/);

  for (const start of [0, STEP]) {
    const response = await putRange(session.uploadUrl, start, content.subarray(start, start + STEP), content.length);
    assert.equal(response.status, 200);
    const body = (await response.json()) as Session;
    assert.deepEqual(body.nextExpectedRanges, [String(start + STEP)]);
    assert.deepEqual(await (await fetch(session.uploadUrl)).json(), body);
  }
  const last = await putRange(session.uploadUrl, 2 * STEP, content.subarray(2 * STEP), content.length);
  assert.equal(last.status, 201);
  assert.equal(await last.text(), '');
  assert.match(last.headers.get('location') ?? '', /\/Attachments\('[0-9a-f-]{36}'\)$/);
  assert.equal((await fetch(session.uploadUrl)).status, 404);

  assert.equal((await sandbox.graph('POST', `${draft}/send`)).status, 202);
  assert.deepEqual((await sandbox.messages())[0]?.attachments, [
    {
      name: 'scan.pdf',
      contentType: 'application/pdf',
      bytes: content.length,
      sha256: createHash('sha256').update(content).digest('hex'),
      contentId: 'page1',
      inline: true,
    },
  ]);
});

test('small goes by POST, large by session, and neither the other way', async (t) => {
  const sandbox = await startSandbox(t);
  const draft = await createDraft(sandbox);
  const post = (bytes: number) =>
    sandbox.json('POST', `${draft}/attachments`, {
      '@odata.type': '#microsoft.graph.fileAttachment',
      name: 'a',
      contentBytes: Buffer.alloc(bytes).toString('base64'),
    });
  assert.equal((await post(2_999_999)).status, 201);
  assert.equal((await post(3_000_000)).status, 413);
  const small = await openSession(sandbox, draft, { size: 2_999_999 });
  assert.equal(small.status, 400);
  assert.equal((await graphError(small)).code, 'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize');
  assert.equal((await openSession(sandbox, draft, { size: 3_000_000 })).status, 201);
  assert.equal((await openSession(sandbox, draft, { size: 150_000_001 })).status, 413);
  const item = await openSession(sandbox, draft, { size: 4_000_000, attachmentType: 'item' });
  assert.equal(item.status, 405);
  assert.equal((await graphError(item)).code, 'ErrorAttachmentSessionIsSupportedOnlyForFileAttachments');
  for (const wrong of [
    {},
    { size: '4000000' },
    { size: 4_000_000, name: '' },
    { size: 4_000_000, attachmentType: 'x' },
  ])
    assert.equal((await openSession(sandbox, draft, wrong)).status, 400);
});

test('a range that is not the next one, or not what it says, is refused and changes nothing', async (t) => {
  const sandbox = await startSandbox(t);
  const draft = await createDraft(sandbox);
  const total = 5_000_000;
  const { uploadUrl } = await createSession(sandbox, draft, { size: total });
  const range = Buffer.alloc(1000);
  assert.equal((await putRange(uploadUrl, 0, range, total)).status, 200);
  for (const [status, response] of [
    [416, putRange(uploadUrl, 0, range, total)],
    [416, putRange(uploadUrl, 2000, range, total)],
    [400, putRange(uploadUrl, 1000, range, total + 1)],
    [400, putRange(uploadUrl, 1000, range, total, { 'content-range': `bytes 1000-1998/${total}` })],
    [400, putRange(uploadUrl, 1000, range, total, { 'content-range': 'bytes 1000-' })],
    [400, putRange(uploadUrl, 1000, Buffer.alloc(4_000_000), total)],
    [413, putRange(uploadUrl, 1000, Buffer.alloc(4_194_305), total)],
    [415, putRange(uploadUrl, 1000, range, total, { 'content-type': 'text/plain' })],
    [401, putRange(uploadUrl, 1000, range, total, { authorization: 'Bearer local' })],
    [
      401,
      putRange(
        uploadUrl.replace(/.$/, (c) => (c === '0' ? '1' : '0')),
        1000,
        range,
        total,
      ),
    ],
  ] as const)
    assert.equal((await response).status, status);
  const { nextExpectedRanges } = (await (await fetch(uploadUrl)).json()) as Session;
  assert.deepEqual(nextExpectedRanges, ['1000']);
});

test('a cancelled session is gone, and one that was never finished is not in the mail', async (t) => {
  const sandbox = await startSandbox(t);
  const draft = await createDraft(sandbox);
  const first = await createSession(sandbox, draft, { size: 3_000_000 });
  assert.equal((await fetch(first.uploadUrl, { method: 'DELETE' })).status, 204);
  assert.equal((await putRange(first.uploadUrl, 0, Buffer.alloc(1000), 3_000_000)).status, 404);
  const second = await createSession(sandbox, draft, { size: 3_000_000 });
  assert.equal((await putRange(second.uploadUrl, 0, Buffer.alloc(1000), 3_000_000)).status, 200);
  assert.equal((await sandbox.graph('POST', `${draft}/send`)).status, 202);
  assert.deepEqual((await sandbox.messages())[0]?.attachments, []);
  assert.equal((await fetch(second.uploadUrl)).status, 404);
});

test('an upload goes on after a restart, from the last range that is certain', async (t) => {
  const first = await startSandbox(t);
  const draft = await createDraft(first);
  const content = randomBytes(STEP + 500_000);
  const { uploadUrl } = await createSession(first, draft, { size: content.length });
  await putRange(uploadUrl, 0, content.subarray(0, STEP), content.length);
  await first.close();
  const drafts = join(first.dataDir, 'drafts');
  const [folder] = await readdir(drafts);
  const file = (await readdir(join(drafts, folder!))).find((name) => name.endsWith('.content'));
  await appendFile(join(drafts, folder!, file!), 'half a range');

  const second = await startSandbox(t, { dataDir: first.dataDir });
  const url = uploadUrl.replace(first.url, second.url);
  assert.deepEqual(((await (await fetch(url)).json()) as Session).nextExpectedRanges, [String(STEP)]);
  assert.equal((await putRange(url, STEP, content.subarray(STEP), content.length)).status, 201);
  await second.graph('POST', `${draft}/send`);
  const [sent] = await second.messages();
  assert.equal(sent?.attachments[0]?.sha256, createHash('sha256').update(content).digest('hex'));
});

test('faults and statistics see the ranges of an upload', async (t) => {
  const sandbox = await startSandbox(t);
  const draft = await createDraft(sandbox);
  const { uploadUrl } = await createSession(sandbox, draft, { size: 3_000_000 });
  await sandbox.setFaults([
    { method: 'PUT', path: '/attachmentSessions/', status: 429, code: 'ApplicationThrottled', retryAfter: 1 },
    { method: 'PUT', status: 503, after: true },
  ]);
  const range = Buffer.alloc(1000);
  assert.equal((await putRange(uploadUrl, 0, range, 3_000_000)).status, 429);
  assert.equal((await putRange(uploadUrl, 0, range, 3_000_000)).status, 503);
  assert.deepEqual(((await (await fetch(uploadUrl)).json()) as Session).nextExpectedRanges, ['1000']);
  assert.equal((await sandbox.stats()).byStatus[429], 1);
});
