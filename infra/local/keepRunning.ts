import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './childProcess.ts';

/** Pauses before a restart, in milliseconds: nearly at once at first, then doubling. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** A child that lived this long is well again: its next pause is short. */
const WELL_AFTER_MS = 30_000;

export interface KeepRunningOptions<Ready> {
  /** Starts the child; after the first time with what the first one said of itself, to take the same ports. */
  launch(before: Ready | undefined): Child<Ready>;
  /** Told of every start, readiness and end. */
  onChange(): void;
  /** Tells a person that it ended and is started again. */
  warn(sentence: string): void;
}

/** A child that is started again, with growing pauses, whenever it ends by itself. */
export interface KeptChild<Ready> {
  /** The live process; undefined between its end and the restart. */
  process(): Child<Ready> | undefined;
  /** The live process once it is ready. */
  readyProcess(): Child<Ready> | undefined;
  /** What the first process said of itself; rejects when it failed: a first failure is no accident. */
  readonly ready: Promise<Ready>;
  /** Ends it for good: asks it to, by closing its channel or as `ask` does, and kills it after `patienceMs`. */
  stop(patienceMs: number, ask?: (child: Child<Ready>) => void): Promise<void>;
}

/** Starts a child and keeps it running. */
export function keepRunning<Ready>({ launch, onChange, warn }: KeepRunningOptions<Ready>): KeptChild<Ready> {
  const stopping = new AbortController();
  let child: Child<Ready> | undefined;
  let isReady = false;
  let described: Ready | undefined;

  const ready = begin();
  ready.catch(() => {}); // Whoever awaits it hears of it.
  const kept = keep();
  return {
    process: () => child,
    readyProcess: () => (isReady ? child : undefined),
    ready,
    async stop(patienceMs, ask) {
      stopping.abort();
      const last = child;
      await last?.stop(patienceMs, ask && (() => ask(last)));
      await kept;
    },
  };

  async function begin(): Promise<Ready> {
    const started = launch(described);
    child = started;
    onChange();
    const said = await started.ready;
    described ??= said;
    isReady = child === started;
    onChange();
    return said;
  }

  async function keep(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (child) {
      const began = Date.now();
      const how = await child.exited;
      child = undefined;
      isReady = false;
      onChange();
      if (stopping.signal.aborted || described === undefined) return;
      if (Date.now() - began > WELL_AFTER_MS) pause = FIRST_PAUSE_MS;
      warn(`It ended (${how}) and is started again.`);
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {}); // Rejects only when told to stop.
      if (stopping.signal.aborted) return;
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      begin().catch(() => {}); // Its end is seen above, at the next turn.
    }
  }
}
