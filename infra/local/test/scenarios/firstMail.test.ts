import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { eventually } from '../harness/eventually.ts';
import { findProgram } from '../harness/findProgram.ts';
import { installedMailClients } from '../harness/mailClients.ts';
import { type SandboxMessage, sandboxMessages, sandboxMime } from '../harness/sandboxClient.ts';
import { type RunningRelay, startRelay } from '../harness/startRelay.ts';

const FROM = 'scanner@contoso.com';
const TO = 'bob@contoso.com';

let relay: RunningRelay;
before(async () => {
  relay = await startRelay();
});
after(() => relay[Symbol.asyncDispose]());

function writeMessage(name: string, lines: readonly string[]): { file: string; bytes: Buffer } {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1');
  const file = join(relay.data, `${name}.eml`);
  writeFileSync(file, bytes);
  return { file, bytes };
}

async function arrived(messageId: string, withinMs = 20_000): Promise<SandboxMessage> {
  return eventually(
    `${messageId} is in the sandbox`,
    async () => (await sandboxMessages(relay.inboxUrl)).find((message) => message.messageId === messageId),
    withinMs,
  );
}

/** A message with all the headers the relay would add, and a body that a careless relay would change. */
const complete = (messageId: string) => [
  `From: "Scanner, 2nd floor" <${FROM}>`,
  `To: ${TO}`,
  'Subject: =?utf-8?q?Scan_f=C3=BCr_Bob?=',
  'Date: Mon, 23 Nov 2026 12:00:00 +0000',
  `Message-ID: ${messageId}`,
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed;',
  '\tboundary="b"',
  'X-Odd:   spaces and\ttabs   ',
  '',
  'preamble',
  '--b',
  'Content-Type: text/plain; charset=iso-8859-1',
  'Content-Transfer-Encoding: 8bit',
  '',
  'Gr\u00fc\u00dfe',
  '.a line with a dot before it',
  '.',
  'trailing blanks   ',
  '',
  '--b--',
  'epilogue',
];

test('a mail from each installed SMTP client reaches Graph byte by byte as it was sent', async (t) => {
  const clients = installedMailClients();
  assert.ok(
    clients.length > 0,
    'Install swaks, curl or Python 3: this test sends mail with a client that is not ours.',
  );
  if (process.env.CI)
    assert.deepEqual(
      clients.map(({ name }) => name),
      ['swaks', 'curl', 'python3'],
    );
  const waits: number[] = [];
  for (const { name, send } of clients) {
    const messageId = `<${name}@scanner.contoso.com>`;
    const { file, bytes } = writeMessage(name, complete(messageId));
    await send({ port: relay.smtpPort, from: FROM, to: [TO], file });
    const promised = Date.now();
    const { id, mailbox, to } = await arrived(messageId);
    waits.push(Date.now() - promised);
    assert.equal(mailbox, FROM);
    assert.deepEqual(to, [TO]);
    assert.equal((await sandboxMime(relay.inboxUrl, id)).toString('latin1'), bytes.toString('latin1'), name);
  }
  t.diagnostic(`from 250 to Graph: ${waits.join(', ')} ms`);
});

test('what a mail lacks is added above it, and nothing else changes', async () => {
  const [client] = installedMailClients();
  const { file, bytes } = writeMessage('bare', ['Subject: bare', '', 'No more than this.']);
  await client!.send({ port: relay.smtpPort, from: FROM, to: [TO], file });
  const bare = await eventually('it is in the sandbox', async () =>
    (await sandboxMessages(relay.inboxUrl)).find(({ subject }) => subject === 'bare'),
  );
  assert.equal(bare.from, FROM);
  assert.deepEqual([bare.to, bare.cc, bare.bcc], [[], [], [TO]]);
  const mime = (await sandboxMime(relay.inboxUrl, bare.id)).toString();
  const [header, body] = [mime.slice(0, mime.indexOf('\r\n\r\n')), mime.slice(mime.indexOf('\r\n\r\n'))];
  assert.equal(body, '\r\n\r\nNo more than this.\r\n');
  const names = header.split(/\r\n(?![ \t])/).map((field) => field.split(':')[0]);
  assert.deepEqual(names.sort(), ['Bcc', 'Date', 'From', 'Message-ID', 'Subject']);
  assert.ok(bytes.length < mime.length);
});

test('the envelope alone decides who gets a mail', async () => {
  const [client] = installedMailClients();
  const messageId = '<recipients@scanner.contoso.com>';
  const [a, b, c] = ['a@contoso.com', 'b@contoso.com', 'c@contoso.com'];
  const { file } = writeMessage('recipients', [
    `From: ${FROM}`,
    `To: ${a}`,
    'Cc: x@contoso.com',
    'Bcc: secret@contoso.com',
    `Message-ID: ${messageId}`,
    '',
    'Hello.',
  ]);
  await client!.send({ port: relay.smtpPort, from: FROM, to: [a, b, c], file });
  const { id, to, cc, bcc } = await arrived(messageId);
  assert.deepEqual([to, cc, [...bcc].sort()], [[a], [], [b, c]]);
  assert.doesNotMatch((await sandboxMime(relay.inboxUrl, id)).toString(), /x@contoso|secret@contoso/);
});

test('a person sees the mail in the web inbox', async (t) => {
  const executablePath = process.env.CHROMIUM ?? findProgram('chromium', 'chromium-browser', 'google-chrome');
  if (!executablePath) {
    const how = 'Install Chromium (apt-get install chromium), or name one in the environment variable CHROMIUM.';
    assert.ok(!process.env.CI, how);
    return t.skip(how);
  }
  const [client] = installedMailClients();
  const messageId = '<seen@scanner.contoso.com>';
  const { file } = writeMessage('seen', [
    `From: ${FROM}`,
    `To: ${TO}`,
    'Subject: Scan of the lease',
    `Message-ID: ${messageId}`,
    '',
    'Two pages from the second floor.',
  ]);
  await client!.send({ port: relay.smtpPort, from: FROM, to: [TO], file });
  await arrived(messageId);
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet];
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    const outside: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(relay.inboxUrl) && !/^(data|blob):/.test(request.url()))
        outside.push(request.url());
    });
    await page.goto(relay.inboxUrl);
    await page.getByText('Scan of the lease').first().click();
    await eventually('its text is on the page', async () => {
      const texts = await Promise.all(page.frames().map((frame) => frame.locator('body').innerText()));
      return texts.some((text) => text.includes('Two pages from the second floor.'));
    });
    const screenshot = await page.screenshot({ path: join(relay.data, 'inbox.png') });
    // A blank page of this size makes a PNG of about 5 kB.
    assert.ok(screenshot.length > 15_000, `the screenshot has only ${screenshot.length} bytes`);
    assert.deepEqual(outside, []);
  } finally {
    await browser.close();
  }
});
