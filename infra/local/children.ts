import { type ChildLog, openChildLog } from './childLog.ts';
import type { Child } from './childProcess.ts';
import type { DataDirectory } from './dataDirectory.ts';
import { type KeptChild, keepRunning } from './keepRunning.ts';
import { removeProcessIds, writeProcessIds } from './pidFile.ts';
import { StartError } from './startError.ts';

/** The kinds of children and how long each may take to end in good order, in milliseconds. */
const PATIENCE_MS = { azurite: 10_000, sandbox: 5_000, worker: 20_000, edge: 15_000 };
export type ChildKind = keyof typeof PATIENCE_MS;

/** All children of one supervisor: kept running, logged, and their process ids written down. */
export interface Children {
  /** Starts a child and keeps it running; `name` names its log. */
  keep<Ready>(
    kind: ChildKind,
    name: string,
    launch: (log: ChildLog, before: Ready | undefined) => Child<Ready>,
  ): KeptChild<Ready>;
  /** The children of a kind that are ready for work. */
  ready(kind: ChildKind): readonly Child<unknown>[];
  /** Ends all children of a kind, and waits until they have. */
  stop(kind: ChildKind, ask?: (child: Child<unknown>) => void): Promise<void>;
  /** Ends all children at once, except that Azurite, which holds the mail, still writes its files. */
  kill(): void;
  /** After everything has stopped: closes the logs and takes back the process ids. */
  close(): Promise<void>;
}

export interface ChildrenOptions {
  readonly data: DataDirectory;
  /** Takes the lines that a person should see. */
  terminal(line: string): void;
  /** Told whenever a child starts, gets ready or ends. */
  onChange(): void;
}

/** The children of this process on one data directory, none yet. */
export function createChildren({ data, terminal, onChange }: ChildrenOptions): Children {
  const all: { kind: ChildKind; child: KeptChild<unknown> }[] = [];
  const logs: ChildLog[] = [];
  let stopping = false;

  const ofKind = (kind: ChildKind) => all.filter((one) => one.kind === kind).map(({ child }) => child);
  const pids = (kind: ChildKind) => ofKind(kind).flatMap((child) => child.process()?.pid ?? []);
  const writeDown = () =>
    writeProcessIds(data.pids, {
      supervisor: process.pid,
      azurite: pids('azurite')[0] ?? null,
      sandbox: pids('sandbox')[0] ?? null,
      workers: pids('worker'),
      edge: pids('edge')[0] ?? null,
    });

  return {
    keep<Ready>(kind: ChildKind, name: string, launch: (log: ChildLog, before: Ready | undefined) => Child<Ready>) {
      if (stopping) throw new StartError('Stopped before everything had started.');
      const log = openChildLog(data.logs, name, terminal);
      logs.push(log);
      const child = keepRunning<Ready>({
        launch: (before) => launch(log, before),
        onChange() {
          writeDown();
          onChange();
        },
        warn: (sentence) => log.line(sentence, true),
      });
      all.push({ kind, child });
      writeDown();
      return child;
    },
    ready: (kind) => ofKind(kind).flatMap((child) => child.readyProcess() ?? []),
    async stop(kind, ask) {
      stopping = true;
      await Promise.all(ofKind(kind).map((child) => child.stop(PATIENCE_MS[kind], ask)));
    },
    kill() {
      for (const { kind, child } of all) {
        const running = child.process()?.process;
        if (kind !== 'azurite') running?.kill('SIGKILL');
        else if (running?.connected) running.disconnect();
      }
    },
    async close() {
      removeProcessIds(data.pids);
      await Promise.all(logs.map((log) => log.close()));
    },
  };
}
