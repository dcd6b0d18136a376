import { fileURLToPath } from 'node:url';
import type { ChildLog } from './childLog.ts';
import { type Child, startChild } from './childProcess.ts';

/**
 * How long a queue message stays hidden while its function runs, in seconds. In Azure it is 600; here mail that a
 * killed worker held shall move again while somebody watches.
 */
const QUEUE_LEASE_SECONDS = 20;

/**
 * glibc's malloc keeps a heap per thread and seldom gives memory back: for what large mail takes for a moment that is a
 * waste of some 60 MB.
 */
const FRUGAL_MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '262144',
};

/** Starts one function process. Timers run in the first one only, as in Azure on one instance only. */
export function startWorker(options: {
  /** Directory of host.json and package.json. */
  readonly app: string;
  readonly first: boolean;
  readonly settings: NodeJS.ProcessEnv;
  readonly adminKey: string;
  readonly log: ChildLog;
}): Child<true> {
  const { app, first, settings, adminKey, log } = options;
  const main = fileURLToPath(new URL('functions-runtime/worker.ts', import.meta.url));
  return startChild<true>({
    name: 'A function worker',
    args: [
      // Buffers of large mail are collected soon, and a worker stays below 250 MB. No --enable-source-maps for the same
      // reason: reading the bundle's map takes 100 MB, and the bundle can be read as it is.
      '--max-semi-space-size=2',
      main,
      ...['--app', app, '--lease', String(QUEUE_LEASE_SECONDS), ...(first ? ['--timers'] : [])],
    ],
    env: { ...FRUGAL_MALLOC, ...settings, LOCAL_ADMIN_KEY: adminKey },
    log,
    readReady(sign) {
      const said = 'message' in sign ? (sign.message as { type?: unknown } | null) : null;
      return said?.type === 'ready' ? true : undefined;
    },
  });
}
