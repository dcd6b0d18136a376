// A disk that is full, out of inodes or read-only: devices are told to come back, nothing promised is lost, and mail
// flows again as soon as there is room. An edge starts on a full disk too. Needs root (mounts).
//
//   node power-cut/fullDisk.ts
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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
const large = `Subject: large\r\n\r\n${'x'.repeat(998)}\r\n`.padEnd(1_500_000, 'line\r\n');
const mail = (data: string) => ({ data: data.endsWith('\r\n') ? data : `${data}\r\n` });

/** Runs the edge on a tmpfs with these options, breaks it, mends it. */
async function trial(
  what: string,
  options: string,
  breakIt: () => unknown,
  mendIt: () => unknown,
  allowed: number[],
  first: readonly string[] = [...Array.from({ length: 5 }, (_, i) => `Subject: ${i}\r\n\r\nsmall\r\n`), large],
) {
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
    for (const data of first) assert.equal(await send(data), 250);
    await breakIt();
    const codes = new Set<number>();
    for (let i = 0; i < 10; i++) for (const data of [large, 'Subject: x\r\n\r\nsmall\r\n']) codes.add(await send(data));
    for (const code of codes) assert.ok([250, ...allowed].includes(code), `${what}: ${code}`);
    assert.ok(
      allowed.some((code) => codes.has(code)),
      `${what}: nothing was refused`,
    );
    await mendIt();
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

/** A disk that turned read-only; no file may be open for writing then, so a note in the making is waited for. */
const readOnly = () =>
  until('the disk is read-only', () => spawnSync('mount', ['-o', 'remount,ro', mount]).status === 0, 30_000);
const writable = () => run('mount', '-o', 'remount,rw', mount);

/** An edge that starts on a full disk, with a segment whose end was torn: what is damaged cannot be put aside. */
async function startOnFullDisk(): Promise<void> {
  run('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount);
  const spool = join(mount, 'spool');
  const relay = await startFakeRelay();
  try {
    relay.faults = [
      { status: 503, times: 1e9 },
      { method: 'GET', status: 503, times: 1e9 },
    ];
    const before = await runEdge(relay.url, spool);
    for (let i = 0; i < 5; i++) assert.equal((await sendMail(before.port)).code, 250);
    await before.stop();
    const segment = readdirSync(join(spool, 'queued')).find((name) => name.endsWith('.segment'))!;
    appendFileSync(join(spool, 'queued', segment), Buffer.alloc(20_000, 'torn '));
    fill();
    const edge = await runEdge(relay.url, spool);
    relay.faults = [];
    await until('everything promised arrives', () => relay.taken.length === 5, 60_000);
    empty();
    await edge.stop();
    const after = await runEdge(relay.url, spool);
    assert.equal(readdirSync(join(spool, 'damaged')).length, 1, 'the torn end is put aside once there is room');
    await after.stop();
    assert.equal(relay.taken.length, 5);
    process.stdout.write('started on a full disk beside a torn segment; 5 promised, 5 arrived.\n');
  } finally {
    await relay.close();
    run('umount', mount);
  }
}

try {
  await startOnFullDisk();
  await trial('read-only', 'size=64m', readOnly, writable, [451, 452], [large, large]);
  await trial('full', 'size=8m', fill, empty, [452]);
  await trial('out of inodes', 'size=64m,nr_inodes=200', exhaust, empty, [452]);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
