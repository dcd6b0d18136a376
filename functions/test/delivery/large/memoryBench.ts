// How much memory a function process takes for large mail, and how long it takes (Linux; the whole relay is started):
//   node functions/test/delivery/large/memoryBench.ts BYTES COUNT
// COUNT generated scans, each a message of about BYTES and from a mailbox of its own, are posted at once.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const [bytes, count] = process.argv.slice(2).map(Number);
if (!bytes || !count) throw new Error('Say how many bytes, and how many mails.');
/** A function process is to stay below this; above it the bench fails. */
const MOST_MB = 250;
const DEADLINE_MS = 8 * 60_000;
const data = mkdtempSync(join(tmpdir(), 'memory-bench-'));
const ports = ['--smtp-port', '0', '--http-port', '0', '--inbox-port', '0', '--no-edge'];
const relay = spawn(process.execPath, ['infra/local/start.mjs', '--data', data, ...ports], {
  env: { ...process.env, MAX_MESSAGE_BYTES: '150000000' },
  stdio: ['ignore', 'pipe', 'inherit'],
});

try {
  const { http, inbox } = await ready();
  const { workers } = JSON.parse(readFileSync(join(data, 'pids.json'), 'utf8')) as { workers: number[] };
  const atRest = memory(workers[0]!);
  const began = performance.now();
  await Promise.all(Array.from({ length: count }, (_, number) => post(http, number)));
  const accepted = performance.now();
  const afterIntake = memory(workers[0]!);
  let peak = 0;
  while ((await sent(inbox)) < count) {
    if (performance.now() - began > DEADLINE_MS) throw new Error('Not all were sent in time.');
    peak = Math.max(peak, memory(workers[0]!).now);
    await sleep(100);
  }
  const end = memory(workers[0]!);
  console.log(
    `${count} x ${bytes} bytes: accepted in ${seconds(began, accepted)} s, sent after ${seconds(began, performance.now())} s; ` +
      `process at rest ${atRest.now} MB, most while taking in ${afterIntake.most} MB, most while sending ${peak} MB, most of all ${end.most} MB`,
  );
  if (end.most > MOST_MB) {
    console.error(`That is more than the ${MOST_MB} MB that a process may take.`);
    process.exitCode = 1;
  }
} finally {
  relay.kill('SIGTERM');
  await new Promise((resolve) => relay.once('exit', resolve));
  rmSync(data, { recursive: true, force: true });
}

async function ready(): Promise<{ http: string; inbox: string }> {
  let text = '';
  for await (const chunk of relay.stdout) {
    text += String(chunk);
    const [, http, inbox] = /^relay ready .*http=(\S+) .*inbox=(\S+)/m.exec(text) ?? [];
    if (http && inbox) return { http, inbox };
  }
  throw new Error('The relay did not start.');
}

/** A message is made as it is sent: this process is not what is measured, but it shares the machine. */
function* scan(): Generator<Buffer> {
  yield Buffer.from(
    'From: scan@contoso.com\r\nTo: bob@contoso.com\r\nSubject: Scan\r\nMIME-Version: 1.0\r\n' +
      'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA scan.\r\n' +
      '--b\r\nContent-Type: application/pdf; name=scan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n',
  );
  const line = `${Buffer.from(Array.from({ length: 57 }, (_, at) => at * 4 + 1)).toString('base64')}\r\n`;
  const lines = Buffer.from(line.repeat(1000));
  for (let left = bytes!; left > lines.length; left -= lines.length) yield lines;
  yield Buffer.from('--b--\r\n');
}

async function post(base: string, number: number): Promise<void> {
  const envelope = { v: 1, from: `scan${number}@contoso.com`, to: ['bob@contoso.com'] };
  const chunks = (function* () {
    for (const chunk of scan())
      yield Buffer.from(chunk.toString('latin1').replace('scan@', `scan${number}@`), 'latin1');
  })();
  const init: RequestInit & { duplex: 'half' } = {
    method: 'PUT',
    headers: {
      authorization: 'Bearer local-dev-key',
      'content-type': 'message/rfc822',
      'x-relay-envelope': Buffer.from(JSON.stringify(envelope)).toString('base64url'),
    },
    body: Readable.toWeb(Readable.from(chunks)) as unknown as ReadableStream,
    duplex: 'half',
    signal: AbortSignal.timeout(DEADLINE_MS),
  };
  const answer = await fetch(`${base}/api/messages/${randomUUID()}`, init);
  if (answer.status !== 202) throw new Error(`Not accepted: ${answer.status} ${await answer.text()}`);
}

async function sent(inbox: string): Promise<number> {
  const answer = await fetch(`${inbox}/sandbox/stats`, { signal: AbortSignal.timeout(10_000) });
  return ((await answer.json()) as { accepted: number }).accepted;
}

/** Resident memory of a process, now and at most, in MB. */
function memory(pid: number): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 0.001024);
  return { now: field('VmRSS'), most: field('VmHWM') };
}

function seconds(from: number, to: number): string {
  return ((to - from) / 1000).toFixed(1);
}
