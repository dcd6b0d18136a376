// A disk that is full or out of inodes: devices are told to come back, nothing promised is lost, and mail
// flows again as soon as there is room. Needs root (mounts).
//
//   node power-cut/fullDisk.ts
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeRelay } from '../test/support/fakeRelay.ts';
import { runEdge } from '../test/support/runEdge.ts';
import { sendMail } from '../test/support/smtpClient.ts';
import { until } from '../test/support/until.ts';

if (process.getuid?.() !== 0) throw new Error('This needs root: it mounts file systems.');
const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'inherit' });
const directory = mkdtempSync(join(tmpdir(), 'full-disk-'));
const mount = join(directory, 'mount');
mkdirSync(mount);
const large = `Subject: large\r\n\r\n${'x'.repeat(998)}\r\n`.padEnd(400_000, 'line\r\n');
const mail = (data: string) => ({ data: data.endsWith('\r\n') ? data : `${data}\r\n` });

/** Runs the edge on a tmpfs with these options, breaks it, mends it. */
async function trial(what: string, options: string, breakIt: () => void, mendIt: () => void, allowed: number[]) {
  run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', mount);
  const relay = await startFakeRelay();
  relay.faults = [
    { status: 503, times: 1e9 },
    { method: 'GET', status: 503, times: 1e9 },
  ];
  const edge = await runEdge(relay.url, join(mount, 'spool'));
  let promised = 0;
  const send = async (data: string) => {
    const { code } = await sendMail(edge.port, mail(data));
    if (code === 250) promised++;
    return code;
  };
  try {
    for (let i = 0; i < 5; i++) assert.equal(await send(`Subject: ${i}\r\n\r\nsmall\r\n`), 250);
    assert.equal(await send(large), 250);
    breakIt();
    const codes = new Set<number>();
    for (let i = 0; i < 10; i++) for (const data of [large, 'Subject: x\r\n\r\nsmall\r\n']) codes.add(await send(data));
    for (const code of codes) assert.ok([250, ...allowed].includes(code), `${what}: ${code}`);
    assert.ok(
      allowed.some((code) => codes.has(code)),
      `${what}: nothing was refused`,
    );
    mendIt();
    await until(`${what}: mail is taken again`, async () => (await send(large)) === 250);
    relay.faults = [];
    await until(`${what}: everything promised arrives`, () => relay.taken.length === promised, 60_000);
    process.stdout.write(`${what}: answered ${[...codes].join(', ')}; ${promised} promised, ${promised} arrived.\n`);
  } finally {
    await edge.stop();
    await relay.close();
    run('umount', mount);
  }
}

const ballast = join(mount, 'ballast');
const fill = () => {
  try {
    for (let i = 0; ; i++) writeFileSync(`${ballast}-${i}`, Buffer.alloc(100_000));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
};
const empty = () => execFileSync('sh', ['-c', `rm -f ${ballast}-*`]);
const exhaust = () => {
  try {
    for (let i = 0; ; i++) writeFileSync(`${ballast}-${i}`, '');
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
};

try {
  await trial('full', 'size=8m', fill, empty, [452]);
  await trial('out of inodes', 'size=64m,nr_inodes=200', exhaust, empty, [452]);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
