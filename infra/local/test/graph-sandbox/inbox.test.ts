import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { mail, startSandbox } from './sandboxClient.ts';

interface Summaries {
  readonly items: readonly { id: string; subject: string; preview: string; attachmentCount: number }[];
  readonly total: number;
  readonly unread: number;
}

const RICH = mail(
  ['Bcc: hidden@example.com', 'MIME-Version: 1.0', 'Content-Type: multipart/related; boundary=r'],
  [
    '--r',
    'Content-Type: text/html',
    '',
    '<p>See <img src="cid:logo"> <script>alert(1)</script></p>',
    '--r',
    'Content-Type: image/png; name=logo.png',
    'Content-ID: <logo>',
    'Content-Transfer-Encoding: base64',
    '',
    'AAEC',
    '--r--',
    '',
  ].join('\r\n'),
);

async function startInbox(t: Parameters<typeof startSandbox>[0], dataDir?: string) {
  const sandbox = await startSandbox(t, dataDir === undefined ? {} : { dataDir });
  const get = (path: string, headers: Record<string, string> = {}) => fetch(sandbox.url + path, { headers });
  const list = async (query = '') => (await (await get(`/api/email/summary${query}`)).json()) as Summaries;
  return { ...sandbox, get, list };
}

test('the page and its assets are at /, and Graph and /sandbox are not in its way', async (t) => {
  const inbox = await startInbox(t);
  const page = await inbox.get('/', { accept: 'text/html' });
  assert.equal(page.status, 200);
  const html = await page.text();
  const script = /src="\.(\/assets\/[^"]+\.js)"/.exec(html)?.[1];
  assert.equal((await inbox.get(script!)).status, 200);
  assert.equal((await inbox.graph('GET', '/nothing')).headers.has('request-id'), true);
  assert.equal((await inbox.get('/sandbox/stats')).status, 200);
});

test('all mail is in the inbox, newest first, with search, also after a restart', async (t) => {
  const first = await startInbox(t);
  for (const n of [1, 2, 3]) await first.sendMime('a@contoso.com', mail([`Subject: Scan ${n}`], `page ${n}\r\n`));
  await first.messages();
  await first.close();
  const inbox = await startInbox(t, first.dataDir);
  const { items, total, unread } = await inbox.list('?limit=2');
  assert.deepEqual([items.map((item) => item.subject), total, unread], [['Scan 3', 'Scan 2'], 3, 3]);
  assert.deepEqual(
    (await inbox.list('?search=PAGE%202')).items.map((item) => item.subject),
    ['Scan 2'],
  );
});

test('an opened mail shows who was in Bcc, its source, harmless html and its attachments', async (t) => {
  const inbox = await startInbox(t);
  await inbox.sendMime('a@contoso.com', RICH);
  await inbox.messages();
  const { items } = await inbox.list();
  assert.deepEqual([items[0]?.preview, items[0]?.attachmentCount], ['See', 1]);
  const path = `/api/email/${items[0]!.id}`;
  const opened = (await (await inbox.get(path)).json()) as {
    calculatedBcc: unknown;
    headers: Record<string, string>;
    attachments: { generatedFileName: string; filename: string }[];
  };
  assert.deepEqual(opened.calculatedBcc, [{ address: 'hidden@example.com', name: '' }]);
  assert.equal(opened.headers.subject, 'Scan');
  assert.equal(opened.attachments[0]?.filename, 'logo.png');
  assert.equal(await (await inbox.get(`${path}/source`)).text(), RICH);
  const image = `${path}/attachment/${opened.attachments[0]?.generatedFileName}`;
  const html = await inbox.get(`${path}/html`);
  assert.match(await html.text(), new RegExp(`^<html><head></head><body><p>See <img src="${image}"> </p>`));
  const attachment = await inbox.get(image);
  assert.equal(attachment.headers.get('content-type'), 'image/png');
  assert.equal(attachment.headers.get('content-security-policy'), 'sandbox');
  assert.deepEqual(Buffer.from(await attachment.arrayBuffer()), Buffer.from([0, 1, 2]));
  assert.equal((await inbox.list()).unread, 0);
});

test('a mail deleted in the inbox is gone, and the others keep their places', async (t) => {
  const inbox = await startInbox(t);
  for (const n of [1, 2, 3]) await inbox.sendMime('a@contoso.com', mail([`Subject: ${n}`]));
  const [, second] = await inbox.messages();
  assert.equal((await fetch(`${inbox.url}/api/email/${second!.id}`, { method: 'DELETE' })).status, 200);
  const subjects = async () => (await inbox.messages()).map((message) => message.subject);
  assert.deepEqual(await subjects(), ['1', '3']);
  await inbox.sendMime('a@contoso.com', mail(['Subject: 4']));
  assert.deepEqual(await subjects(), ['1', '3', '4']);
  assert.equal((await fetch(`${inbox.url}/api/email/all`, { method: 'DELETE' })).status, 200);
  assert.deepEqual(await subjects(), []);
});

test('an open page is told of new mail', async (t) => {
  const inbox = await startInbox(t);
  // Socket.IO by long polling: open, say hello, then wait for what comes.
  const socket = '/socket.io/?EIO=4&transport=polling';
  const { sid } = JSON.parse((await (await inbox.get(socket)).text()).slice(1)) as { sid: string };
  const polling = `${inbox.url}${socket}&sid=${sid}`;
  await fetch(polling, { method: 'POST', body: '40' });
  assert.match(await (await fetch(polling)).text(), /^40/);
  const news = fetch(polling).then((response) => response.text());
  await inbox.sendMime('a@contoso.com', mail(['Subject: Live']));
  assert.match(await news, /^42\["newMail",\{.*"subject":"Live"/);
});

test('pages of other sites get nothing, neither by HTTP nor by web socket', async (t) => {
  const inbox = await startInbox(t);
  const origin = 'http://attacker.example';
  for (const path of ['/api/email/summary', '/sandbox/messages', '/', '/socket.io/?EIO=4&transport=polling']) {
    const refused = await inbox.get(path, { origin });
    assert.equal(refused.status, 403, path);
    assert.equal(refused.headers.get('access-control-allow-origin'), null, path);
    const own = await inbox.get(path, { origin: inbox.url, accept: 'text/html' });
    assert.equal(own.status, 200, path);
    assert.equal(own.headers.get('access-control-allow-origin'), null, path);
  }
  const socket = connect(Number(new URL(inbox.url).port), '127.0.0.1');
  socket.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  let answered = '';
  socket.on('data', (chunk) => {
    answered += chunk;
  });
  await once(socket, 'close');
  assert.equal(answered, '');
});
