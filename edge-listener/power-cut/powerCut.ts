// Proves that every promised message survives a power cut, and that what was held, failed or deleted is not sent after it. Needs root (loop mounts), strace and e2fsprogs.
//
// A spool lives on an ext4 file system in a file. At an arbitrary moment, or when a chosen system call is made, its
// writer stops and the file is copied: the copy is what a disk would hold after the cut. It is mounted, its journal
// replayed, and a fresh edge looks at it. Killing the process alone proves nothing: the kernel still has its writes.
//
//   node power-cut/powerCut.ts             must succeed; takes minutes
//   node power-cut/powerCut.ts fsync       only the cuts whose name has this in it
//   node power-cut/powerCut.ts --eatmydata the same without fsync: must find lost mail
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
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

/** What the writer said last of a message, and the digest of its bytes. */
interface Word {
  readonly last: string;
  readonly digest: string;
}

/** What a fresh edge finds. */
interface Findings {
  readonly queued: Map<string, string>;
  readonly failed: Map<string, string>;
  damaged: number;
}

/** What the writer said before the cut, what it refused, and what a fresh edge finds on the disk of that moment. */
async function trial({ inject, after = Number.POSITIVE_INFINITY }: Trial) {
  run('truncate', '-s', '192M', image);
  run('mkfs.ext4', '-q', '-F', image);
  run('mount', '-o', 'loop', image, mount);
  const words = new Map<string, Word>();
  let refused = 0;
  try {
    const command = [process.execPath, here('writer.ts'), join(mount, 'spool'), inject ? '120' : '1000000'];
    const strace = inject ? ['strace', '-f', '-q', '-o', '/dev/null', ...inject] : [];
    const [program = '', ...args] = [...strace, ...command];
    const env = withoutSync ? { ...process.env, LD_PRELOAD: EATMYDATA } : process.env;
    const writer = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    // Everything the writer says before it stops holds at the cut, also what is read after it.
    const said = listen(writer, (line) => {
      const [last = '', id = '', digest = words.get(id)?.digest ?? ''] = line.split(' ');
      if (last === 'refused') refused++;
      else if (last !== 'keeping' || words.get(id)?.last !== 'dropping') words.set(id, { last, digest });
      if (words.size >= after) signal(writer, 'SIGSTOP');
    });
    await (inject ? said : stopped(writer));
    run('cp', '--sparse=always', image, `${image}.cut`);
    signal(writer, 'SIGKILL');
    await exited(writer);
    await said;
  } finally {
    run('umount', mount);
  }
  run('mount', '-o', 'loop', `${image}.cut`, looks);
  try {
    return { said: words, refused, found: look(join(looks, 'spool')) };
  } finally {
    run('umount', looks);
  }
}

function look(spool: string): Findings {
  const found: Findings = { queued: new Map(), failed: new Map(), damaged: 0 };
  for (const line of run(process.execPath, here('reader.ts'), spool).split('\n')) {
    const [state, id = '', digest = ''] = line.split(' ');
    if (state === 'queued' || state === 'failed') found[state].set(id, digest);
    if (state === 'damaged') found.damaged++;
  }
  return found;
}

/** Whether the message is where it has to be: `lost` when it is not there, `revived` when it is where it must not be. */
function judge(id: string, { last, digest }: Word, { queued, failed }: Findings): 'right' | 'lost' | 'revived' {
  const isQueued = queued.get(id) === digest;
  const isFailed = failed.get(id) === digest;
  if (last === 'promised' && !isQueued) return 'lost';
  if (last === 'keeping' && !isQueued && !isFailed) return 'lost';
  if (last === 'kept' && !isFailed) return 'lost';
  if (last === 'kept' && queued.has(id)) return 'revived';
  return last === 'gone' && (queued.has(id) || failed.has(id)) ? 'revived' : 'right';
}

/** Resolves when the writer has said everything. */
function listen(writer: ChildProcess, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    let rest = '';
    writer.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    });
    writer.stdout!.on('end', resolve);
  });
}

/** Resolves when the whole process stands still, or is no more. */
async function stopped(child: ChildProcess): Promise<void> {
  for (;;) {
    const status = await readFile(`/proc/${child.pid}/stat`, 'latin1').catch(() => undefined); // it is no more
    if (!status || /^\d+ \(.*\) [TZX] /.test(status)) return;
    await setTimeout(5);
  }
}

function exited(child: ChildProcess): Promise<unknown> {
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

const calls = ['fdatasync', 'fsync', 'rename', 'unlink', 'pwritev', 'pwrite64', 'openat'];
const only = process.argv.slice(2).find((word) => !word.startsWith('--')) ?? '';
const allTrials: Trial[] = [
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

const trials = allTrials.filter(({ what }) => what.includes(only));

let lost = 0;
let revived = 0;
let damaged = 0;
let ended = 0;
try {
  for (const one of trials) {
    const { said, refused, found } = await trial(one);
    const verdicts = [...said].map(([id, word]) => judge(id, word, found));
    const count = (verdict: string) => verdicts.filter((each) => each === verdict).length;
    const missing = count('lost');
    const back = count('revived');
    const over = [...said.values()].filter(({ last }) => last === 'gone' || last === 'kept').length;
    lost += missing;
    revived += back;
    ended += over;
    if (found.damaged > 0) damaged++;
    const unpromised = [...found.queued.keys(), ...found.failed.keys()].filter((id) => !said.has(id)).length;
    process.stdout.write(
      `${one.what}: ${said.size} promised, ${over} of them deleted or kept as failed, ${refused} refused, ` +
        `${missing} lost, ${back} revived, ${unpromised} whole but not promised\n`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
process.stdout.write(
  `${trials.length} cuts, ${lost} promised messages lost, ${revived} of ${ended} ended ones revived, ` +
    `${damaged} cuts with something put aside.\n`,
);
process.exitCode = lost + revived > 0 === withoutSync ? 0 : 1;
