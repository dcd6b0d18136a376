import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import type { MailClient } from '../harness/mailClients.ts';
import { sandboxMessages } from '../harness/sandboxClient.ts';
import type { RunningRelay } from '../harness/startRelay.ts';

/** What a worker may take at most, whatever it sends. */
const MOST_WORKER_BYTES = 250_000_000;

export interface ScanOptions {
  /** Bytes of the scanned PDF; the message is a good third larger. */
  readonly bytes: number;
  readonly client: MailClient;
  /** From the 250 to Graph, at most. */
  readonly withinMs: number;
  readonly from?: string;
}

/**
 * A scan goes through the whole relay, from a mail client that is not ours: once, under its name, byte by byte, its
 * upload can be followed in the log, and no worker grows. Returns figures for a person.
 */
export async function scanArrives(relay: RunningRelay, options: ScanOptions): Promise<string> {
  const { bytes, client, withinMs, from = 'scanner@contoso.com' } = options;
  const messageId = `<scan-${randomUUID()}@scanner.contoso.com>`;
  const name = `Scan ${bytes}.pdf`;
  const file = join(relay.data, `${randomUUID()}.eml`);
  const sha256 = await writeScan(file, { bytes, name, from, messageId });
  const began = Date.now();
  await client.send({ port: relay.smtpPort, from, to: ['bob@contoso.com'], file, withinMs: 300_000 });
  const promised = Date.now();
  await rm(file);
  const copies = async () =>
    (await sandboxMessages(relay.inboxUrl)).filter((message) => message.messageId === messageId);
  const [message, ...more] = await eventually(
    `${name} is in the sandbox`,
    async () => {
      const found = await copies();
      return found.length > 0 && found;
    },
    withinMs,
  );
  const arrived = Date.now();
  assert.equal(more.length, 0);
  assert.deepEqual(
    message!.attachments.map((one) => ({ name: one.name, bytes: one.bytes, sha256: one.sha256 })),
    [{ name, bytes, sha256 }],
  );
  const steps = await eventually('the log tells of a whole upload', () =>
    progressOf(relay, bytes).find((upload) => upload.at(-1) === bytes),
  );
  assert.equal(steps[0], 0);
  assert.deepEqual(
    steps,
    steps.toSorted((a, b) => a - b),
  );
  const most = Math.max(...relay.pids().workers.map(mostMemory));
  const figures =
    `a scan of ${bytes} bytes by ${client.name}: 250 after ${promised - began} ms, at Graph ${arrived - promised} ms later, ` +
    `${steps.length} lines of progress, a worker took ${Math.round(most / 1e6)} MB at most`;
  assert.ok(most < MOST_WORKER_BYTES, figures);
  return figures;
}

/** Writes the message piece by piece, and returns the SHA-256 of the PDF. */
async function writeScan(
  file: string,
  { bytes, name, from, messageId }: { bytes: number; name: string; from: string; messageId: string },
): Promise<string> {
  const out = createWriteStream(file);
  const hash = createHash('sha256');
  const write = async (text: string) => {
    if (!out.write(text, 'latin1')) await once(out, 'drain');
  };
  const head = [
    ...[`From: Scanner <${from}>`, 'To: bob@contoso.com', 'Subject: Scan', `Message-ID: ${messageId}`],
    ...[
      'Date: Mon, 23 Nov 2026 12:00:00 +0000',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="b"',
      '',
    ],
    ...['--b', 'Content-Type: text/plain', '', 'Scanned on the second floor.', '--b'],
    `Content-Type: application/pdf; name="${name}"`,
    `Content-Disposition: attachment; filename="${name}"`,
    ...['Content-Transfer-Encoding: base64', '', ''],
  ];
  await write(head.join('\r\n'));
  const LINE = 57;
  for (let left = bytes; left > 0; left -= LINE * 1000) {
    const piece = randomBytes(Math.min(left, LINE * 1000));
    hash.update(piece);
    await write(piece.toString('base64').replace(/.{1,76}/g, '$&\r\n'));
  }
  out.end('--b--\r\n');
  await once(out, 'finish');
  return hash.digest('hex');
}

/** Bytes uploaded at each line about an upload of so many, for each attempt. */
function progressOf(relay: RunningRelay, total: number): number[][] {
  const uploads = new Map<string, number[]>();
  for (const [i] of relay.pids().workers.entries()) {
    const log = readFileSync(join(relay.data, 'logs', `worker-${i + 1}.log`), 'utf8');
    for (const [text] of log.matchAll(/\{.*"relay\.progress".*\}$/gm)) {
      const { id, attempt, uploadedBytes, totalBytes } = JSON.parse(text) as Record<string, unknown>;
      const key = `${id}/${attempt}`;
      if (totalBytes === total) uploads.set(key, [...(uploads.get(key) ?? []), Number(uploadedBytes)]);
    }
  }
  return [...uploads.values()];
}

/** The most memory that a process has had, in bytes (Linux). */
function mostMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
