// Durable accepts a second, CPU and memory of the edge against Postfix, in the same run on the same machine.
//
// Both take mail and keep it: Postfix holds it, the edge finds no function app. Both sync before their 250. The load is
// Postfix's own smtp-source on loopback; smtp-sink, which keeps nothing, shows what that can reach. Figures drift from
// hour to hour on a shared machine; ratios of one run count.
//
//   npm run bench [-- --quick] ['2 KB x 50' …]     needs root, Postfix and smtp-source (Debian: postfix)
//
// --quick: a fifth of the messages. Sizes and sessions as in the table choose cells; without them all are measured.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEdgeForBench } from './edgeForBench.ts';
import { startPostfix } from './postfix.ts';
import { treeUsage } from './processTree.ts';
import { startSink } from './sink.ts';

/** A server under load. */
export interface Contender {
  readonly name: string;
  readonly port: number;
  /** Its process, whose children count too. */
  readonly pid: number;
  stop(): Promise<void>;
}

interface Cell {
  readonly size: string;
  readonly bytes: number;
  readonly sessions: number;
  readonly reuse: boolean;
  readonly messages: number;
}

const quick = process.argv.includes('--quick');
const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
/** Messages of a cell with 1, 10 and 50 sessions: a few seconds' worth. */
const counts: [string, number, [number, number, number]][] = [
  ['2 KB', 2000, [1500, 4000, 8000]],
  ['50 KB', 50_000, [800, 2000, 3000]],
  ['1 MB', 1_000_000, [150, 300, 300]],
  ['10 MB', 10_000_000, [30, 40, 50]],
];
const cells: Cell[] = counts
  .flatMap(([size, bytes, messages]) =>
    [1, 10, 50].flatMap((sessions, i) =>
      [true, false].map((reuse) => {
        return { size, bytes, sessions, reuse, messages: Math.ceil(messages[i]! / (quick ? 5 : 1)) };
      }),
    ),
  )
  .filter(({ size, sessions }) => chosen.length === 0 || chosen.includes(`${size} x ${sessions}`));
if (cells.length === 0) throw new Error(`There is no cell ${chosen.join(', ')}; one is "2 KB x 50".`);

interface Figures {
  readonly rate: number;
  readonly cpu: number;
  readonly rss: number;
}

async function load({ port, pid }: Contender, { bytes, sessions, reuse, messages }: Cell): Promise<Figures> {
  const before = treeUsage(pid);
  let rss = 0;
  const watch = setInterval(() => {
    rss = Math.max(rss, treeUsage(pid).rss);
  }, 100);
  const started = performance.now();
  const options = ['-s', sessions, '-m', messages, '-l', bytes, ...(reuse ? ['-d'] : [])].map(String);
  const source = spawn('smtp-source', [...options, '-f', 'a@b.example', '-t', 'c@d.example', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 180_000,
  });
  const code = await new Promise((resolve) => source.once('exit', resolve));
  const seconds = (performance.now() - started) / 1000;
  clearInterval(watch);
  if (code !== 0) throw new Error(`smtp-source ended with ${code}`);
  const after = treeUsage(pid);
  return {
    rate: messages / seconds,
    cpu: ((after.cpuSeconds - before.cpuSeconds) * 1000) / messages,
    rss: Math.max(rss, after.rss),
  };
}

const directory = mkdtempSync(join(process.env.BENCH_DIR ?? '/var/tmp', 'bench-'));
const contenders: Contender[] = [];
try {
  execFileSync(process.execPath, [fileURLToPath(new URL('../build.mjs', import.meta.url))]);
  process.stdout.write(
    '| size | sessions | connections | Postfix /s | edge /s | ratio | sink /s | CPU ms/mail | RSS MB |\n',
  );
  process.stdout.write('|---|---|---|---|---|---|---|---|---|\n');
  for (const cell of cells) {
    const figures: Figures[] = [];
    for (const start of [startPostfix, startEdgeForBench, startSink]) {
      const contender = await start(directory);
      contenders.push(contender);
      // Both are measured as they run all day: caches filled, processes forked, code compiled.
      await load(contender, { ...cell, messages: Math.max(cell.sessions, Math.ceil(cell.messages / 2)) });
      figures.push(await load(contender, cell));
      await contender.stop();
      contenders.pop();
    }
    const [postfix, edge, sink] = figures as [Figures, Figures, Figures];
    const pair = (a: number, b: number, digits: number) => `${a.toFixed(digits)} / ${b.toFixed(digits)}`;
    const columns = [
      cell.size,
      cell.sessions,
      cell.reuse ? 'reused' : 'new',
      postfix.rate.toFixed(0),
      edge.rate.toFixed(0),
      (edge.rate / postfix.rate).toFixed(1),
      sink.rate.toFixed(0),
      pair(postfix.cpu, edge.cpu, 2),
      pair(postfix.rss, edge.rss, 0),
    ];
    process.stdout.write(`| ${columns.join(' | ')} |\n`);
  }
  const edge = await startEdgeForBench(directory);
  contenders.push(edge);
  const largest = { size: '150 MB', bytes: 148_000_000, sessions: 1, reuse: true, messages: 1 };
  const before = treeUsage(edge.pid).rss;
  const { rss } = await load(edge, largest);
  process.stdout.write(`\nOne message of 148 MB: from ${before.toFixed(0)} to ${rss.toFixed(0)} MB of memory.\n`);
} finally {
  for (const contender of contenders) await contender.stop();
  rmSync(directory, { recursive: true, force: true });
}
