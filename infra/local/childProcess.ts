import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildLog } from './childLog.ts';
import { StartError } from './startError.ts';

/** Something a child said while it started: a line on stdout, or a message over IPC. */
export type Sign = { readonly line: string } | { readonly message: unknown };

export interface ChildOptions<Ready> {
  /** What to call it in a sentence, e.g. "Azurite". */
  readonly name: string;
  /** Arguments of node: flags, script, its arguments. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: ChildLog;
  /** Whether a line on stdout is for the terminal too; stderr always is. Default: none. */
  isLoud?(line: string): boolean;
  /** Reads the sign that the child is ready, and what it says about itself; undefined for other signs. */
  readReady(sign: Sign): Ready | undefined;
}

/** A running Node process of ours with an IPC channel; when that closes, the child ends by itself. */
export interface Child<Ready> {
  readonly pid: number | undefined;
  readonly process: ChildProcess;
  /** Rejects with a {@link StartError} when the child ends, or says nothing for a minute. */
  readonly ready: Promise<Ready>;
  /** How it ended, in words. */
  readonly exited: Promise<string>;
  /** Asks the child to end, by closing its channel or as `ask` does, and kills it after `patienceMs`. */
  stop(patienceMs: number, ask?: () => void): Promise<void>;
}

const READY_WITHIN_MS = 60_000;

/** Starts a child. It is in a process group of its own, so that Ctrl+C reaches only the supervisor. */
export function startChild<Ready>(options: ChildOptions<Ready>): Child<Ready> {
  const { name, log, isLoud = () => false, readReady } = options;
  const child = spawn(process.execPath, options.args, {
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  let settle: { resolve(ready: Ready): void; reject(error: Error): void };
  const ready = new Promise<Ready>((resolve, reject) => {
    settle = { resolve, reject };
  });
  ready.catch(() => {}); // Whoever awaits it hears of it; a restart does not.
  const look = (sign: Sign) => {
    const said = readReady(sign);
    if (said !== undefined) settle.resolve(said);
  };
  createInterface({ input: child.stdout! }).on('line', (line) => {
    log.line(line, isLoud(line));
    look({ line });
  });
  createInterface({ input: child.stderr! }).on('line', (line) => log.line(line, true));
  child.on('message', (message) => look({ message }));
  child.on('error', (error) => log.line(`${name}: ${error.message}`, true));

  const exited = endOf(child);
  const late = setTimeout(() => {
    settle.reject(new StartError(`${name} did not get ready within a minute; its log is ${log.path}.`));
  }, READY_WITHIN_MS);
  ready.then(
    () => clearTimeout(late),
    () => clearTimeout(late),
  );
  exited.then((how) => {
    settle.reject(new StartError(`${name} ended before it was ready (${how}); its log is ${log.path}.`));
  });
  return {
    pid: child.pid,
    process: child,
    ready,
    exited,
    async stop(patienceMs, ask = () => child.disconnect()) {
      if (child.connected) ask();
      const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** How a process ended, once its last words have been read. ('close' would tell, but never comes after disconnect().) */
async function endOf(child: ChildProcess): Promise<string> {
  const how = await new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `killed by ${signal}` : `exit code ${code}`));
    child.on('error', () => child.pid === undefined && resolve('it cannot be started'));
  });
  const read = Promise.all([finished(child.stdout!), finished(child.stderr!)]).catch(() => {}); // Read as far as it went.
  // A process that it started itself may hold its output open.
  await Promise.race([read, sleep(500)]);
  return how;
}
