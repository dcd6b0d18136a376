import { existsSync, readFileSync } from 'node:fs';
import { eventually } from './eventually.ts';

/** Whether a process lives; a zombie, which only waits for its parent to notice, does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // ESRCH: there is no such process.
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/^\d+ \(.*\) Z/.test(readFileSync(stat, 'utf8'));
}

/** Waits until none of the processes lives any more. */
export async function eventuallyGone(pids: readonly number[], withinMs: number): Promise<void> {
  await eventually(`processes ${pids.filter(isAlive)} end`, () => !pids.some(isAlive), withinMs);
}
