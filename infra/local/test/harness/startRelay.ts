/** Starts the whole relay as `npm start` does, on free ports and a directory of its own, and ends it reliably. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessIds } from '../../pidFile.ts';
import { eventually } from './eventually.ts';
import { eventuallyGone } from './processes.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

const START = fileURLToPath(new URL('../../start.mjs', import.meta.url));

/** How a start ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RelayOptions {
  /** Flags beside the ports, which are free ones, and --data. */
  readonly flags?: readonly string[];
  /** A directory of an earlier relay; default: a new one, removed at the end. */
  readonly data?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A relay that is ready. `await using` stops it. */
export interface RunningRelay extends AsyncDisposable {
  readonly smtpPort: number;
  readonly httpUrl: string;
  readonly inboxUrl: string;
  readonly data: string;
  readonly readyLine: string;
  readonly supervisor: ChildProcess;
  pids(): ProcessIds;
  stderr(): string;
  /** Stops it with SIGTERM and says how it ended. */
  stop(): Promise<Ending>;
  /** Kills the supervisor with SIGKILL and waits until the children have ended by themselves. */
  kill(): Promise<void>;
}

/** Runs `npm start -- FLAGS` until it ends by itself: for starts that must fail. */
export async function runStart(flags: readonly string[], env: Record<string, string> = {}): Promise<Ending> {
  const { ended } = launch(flags, env);
  return ended;
}

/** Starts a relay and waits for its ready line. */
export async function startRelay(options: RelayOptions = {}): Promise<RunningRelay> {
  const { flags = [], env = {} } = options;
  const own = options.data === undefined ? await temporaryDirectory() : undefined;
  const data = options.data ?? join(own!.path, 'data');
  const ports = ['--smtp-port', '0', '--http-port', '0', '--inbox-port', '0'];
  const { child, ended, output } = launch([...ports, '--data', data, ...flags], env);
  const pids = () => JSON.parse(readFileSync(join(data, 'pids.json'), 'utf8')) as ProcessIds;
  const readyLine = await eventually(
    `the ready line; so far: ${JSON.stringify(output)}`,
    () => /^relay ready.*$/m.exec(output.stdout)?.[0] ?? (child.exitCode === null ? undefined : 'ended'),
    30_000,
  );
  if (readyLine === 'ended') throw new Error(`The relay ended: ${output.stderr}`);
  const part = (name: string) => new RegExp(` ${name}=(\\S+)`).exec(readyLine)?.[1] ?? '';

  return {
    smtpPort: Number(part('smtp').split(':')[1]),
    httpUrl: part('http'),
    inboxUrl: part('inbox'),
    data,
    readyLine,
    supervisor: child,
    pids,
    stderr: () => output.stderr,
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
    async kill() {
      const { azurite, sandbox, workers, edge } = pids();
      child.kill('SIGKILL');
      await ended;
      const children = [azurite, sandbox, edge, ...workers].filter((pid) => pid !== null);
      await eventuallyGone(children, 20_000);
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const patience = setTimeout(() => child.kill('SIGKILL'), 40_000);
        await ended;
        clearTimeout(patience);
      }
      await own?.remove();
    },
  };
}

function launch(flags: readonly string[], env: Readonly<Record<string, string>>) {
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [START, ...flags], {
    // The bundles are built once, before the tests.
    env: { ...inherited, LOCAL_BUILD: 'done', ...env },
    // The channel ends the relay should the test be ended in the middle.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  const ended = once(child, 'exit').then(([code, signal]): Ending => ({ code, signal, ...output }));
  return { child, ended, output };
}
