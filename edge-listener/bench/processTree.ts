// CPU time and memory of a process and everything below it, from /proc.
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

/** CPU seconds, those of ended children included, and resident megabytes. */
export function treeUsage(root: number): { cpuSeconds: number; rss: number } {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    if (stat) stats.set(Number(name), stat);
  }
  let ticks = 0;
  let rss = 0;
  const wanted = [root];
  for (const pid of wanted) {
    ticks += stats.get(pid)?.ticks ?? 0;
    rss += residentMegabytes(pid);
    for (const [child, { parent }] of stats) if (parent === pid) wanted.push(child);
  }
  return { cpuSeconds: ticks / TICKS_PER_SECOND, rss };
}

function readStat(pid: number): Stat | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (!text) return undefined;
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  return { parent, ticks: fields.slice(11, 15).reduce((sum, part) => sum + part, 0) };
}

function residentMegabytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`));
  return match ? Number(match[1]) / 1024 : 0;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process ended meanwhile
  }
}
