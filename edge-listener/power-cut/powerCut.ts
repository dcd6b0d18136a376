// Proves that every promised message survives a power cut. Needs root (loop mounts), strace and e2fsprogs.
//
// A spool lives on an ext4 file system in a file. At an arbitrary moment, or when a chosen system call is made, its
// writer stops and the file is copied: the copy is what a disk would hold after the cut. It is mounted, its journal
// replayed, and a fresh edge looks at it. Killing the process alone proves nothing: the kernel still has its writes.
//
//   node power-cut/powerCut.ts             must succeed
//   node power-cut/powerCut.ts --eatmydata the same without fsync: must find lost mail
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const withoutSync = process.argv.includes('--eatmydata');
const EATMYDATA = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((machine) => `/usr/lib/${machine}/libeatmydata.so`)
  .find((path) => existsSync(path));
if (process.getuid?.() !== 0) throw new Error('This needs root: it mounts file systems in files.');
if (withoutSync && !EATMYDATA) throw new Error('libeatmydata is not installed.');

const directory = mkdtempSync(join(tmpdir(), 'power-cut-'));
const image = join(directory, 'disk');
const mount = join(directory, 'mount');
const looks = join(directory, 'looks');
for (const path of [mount, looks]) mkdirSync(path);
const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' });

interface Trial {
  readonly what: string;
  /** Arguments of strace; none runs the writer freely. */
  readonly inject?: readonly string[];
  /** Cut after so many promises, where no system call decides. */
  readonly after?: number;
}

/** What the writer promised before the cut, what it refused, and what a fresh edge finds on the disk of that moment. */
async function trial({ inject, after = Number.POSITIVE_INFINITY }: Trial) {
  run('truncate', '-s', '192M', image);
  run('mkfs.ext4', '-q', '-F', image);
  run('mount', '-o', 'loop', image, mount);
  const promised = new Map<string, string>();
  let refused = 0;
  try {
    const command = [process.execPath, here('writer.ts'), join(mount, 'spool'), inject ? '120' : '1000000'];
    const strace = inject ? ['strace', '-f', '-q', '-o', '/dev/null', ...inject] : [];
    const [program = '', ...args] = [...strace, ...command];
    const env = withoutSync ? { ...process.env, LD_PRELOAD: EATMYDATA } : process.env;
    const writer = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    await listen(
      writer,
      (line) => {
        if (promised.size >= after) return;
        const [id = '', digest = ''] = line.split(' ');
        if (id === 'refused') refused++;
        else promised.set(id, digest);
        if (promised.size >= after) signal(writer, 'SIGSTOP');
      },
      () => promised.size >= after,
    );
    run('cp', '--sparse=always', image, `${image}.cut`);
    signal(writer, 'SIGKILL');
    await ended(writer);
  } finally {
    run('umount', mount);
  }
  run('mount', '-o', 'loop', `${image}.cut`, looks);
  try {
    const found = run(process.execPath, here('reader.ts'), join(looks, 'spool')).trim().split('\n').filter(Boolean);
    return { promised, refused, found: new Map(found.map((line) => line.split(' ') as [string, string])) };
  } finally {
    run('umount', looks);
  }
}

function listen(writer: ChildProcess, onLine: (line: string) => void, done: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    let rest = '';
    writer.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
      if (done()) resolve();
    });
    writer.stdout!.on('end', resolve);
  });
}

function ended(child: ChildProcess): Promise<unknown> {
  return child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', resolve));
}

/** To the writer's own process group, which this script made; gone already is as good. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const calls = ['fdatasync', 'fsync', 'rename', 'pwritev', 'pwrite64', 'openat'];
const trials: Trial[] = [
  ...[1, 7, 30, 100, 200].map((after) => ({ what: `cut after ${after} promises`, after })),
  ...(withoutSync
    ? []
    : calls.flatMap((call) =>
        [1, 2, 3, 5, 8, 13].map((n) => {
          const when = call === 'openat' ? n * 8 + 60 : n;
          return { what: `cut at ${call} number ${when}`, inject: ['-e', `inject=${call}:signal=KILL:when=${when}`] };
        }),
      )),
  ...(withoutSync
    ? []
    : [
        'fdatasync:error=EIO:when=3+4',
        'fsync:error=EIO:when=4+3',
        'pwritev:error=ENOSPC:when=5+3',
        'rename:error=EIO:when=2+3',
      ].map((fault) => ({ what: `failing ${fault}`, inject: ['-e', `inject=${fault}`] }))),
];

let lost = 0;
let damaged = 0;
try {
  for (const one of trials) {
    const { promised, refused, found } = await trial(one);
    const missing = [...promised].filter(([id, digest]) => found.get(id) !== digest).length;
    lost += missing;
    if (found.has('damaged')) damaged++;
    const unpromised = [...found.keys()].filter((id) => !promised.has(id) && id !== 'damaged').length;
    process.stdout.write(
      `${one.what}: ${promised.size} promised, ${refused} refused, ${missing} lost, ${unpromised} whole but not promised\n`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.stdout.write(
  `${trials.length} cuts, ${lost} promised messages lost, ${damaged} cuts with something put aside.\n`,
);
process.exitCode = lost > 0 === withoutSync ? 0 : 1;
