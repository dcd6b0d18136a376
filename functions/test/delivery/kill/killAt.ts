// Runs one delivery in a process of its own and kills it at a chosen moment: before or after any call that it makes to
// storage, queues or Graph. Nothing that it asks for afterwards happens.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { DeliveryQueues } from '../../../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../../../storage/messageState.ts';
import type { MemoryStore } from '../../storage/memoryStore.ts';
import type { GraphDoor } from './graphDoor.ts';
import type { Asked, Job, Said, Told } from './victim.ts';

/** What stays when the victim dies. */
export interface Surroundings {
  readonly store: MemoryStore;
  readonly queues: DeliveryQueues;
  readonly door: GraphDoor;
  readonly onEvent: (name: string) => void;
}

export interface Killing {
  /** The moment at which it was killed; undefined when it got to the end. */
  readonly killedAt: string | undefined;
  /** The moments that it lived to see, in their order. */
  readonly moments: readonly string[];
}

/** @param isLast whether the process is to die at this moment, the `step`-th */
export async function killAt(
  surroundings: Surroundings,
  job: Job,
  isLast: (moment: string, step: number) => boolean,
): Promise<Killing> {
  const child = await nextVictim();
  const killing = await work(child, surroundings, job, isLast);
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return killing;
}

/** The worker that goes on after all the dead ones. */
export async function outlive(surroundings: Surroundings, job: Job): Promise<void> {
  survivor ??= newVictim();
  await work(await survivor, surroundings, job, () => false);
}

async function work(
  child: ChildProcess,
  { store, queues, door, onEvent }: Surroundings,
  job: Job,
  isLast: (moment: string, step: number) => boolean,
): Promise<Killing> {
  const moments: string[] = [];
  let killedAt: string | undefined;

  function goesOn(moment: string): boolean {
    if (killedAt !== undefined) return false;
    if (!isLast(moment, moments.length)) {
      moments.push(moment);
      return true;
    }
    killedAt = moment;
    child.kill('SIGKILL');
    return false;
  }

  async function answer(asked: Asked): Promise<void> {
    const name = nameOf(asked);
    if (!goesOn(`before ${name}`)) return;
    const value = await carryOut(asked);
    if (goesOn(`after ${name}`)) tell(child, { kind: 'answer', number: asked.number, value });
  }

  async function carryOut({ target, method, args }: Asked): Promise<unknown> {
    // The bytes lie in a file; here it is only told whether they are still there.
    if (method === 'openBody') return store.bodyDigest(args[0] as MessageStateRecord);
    const owner: object = target === 'store' ? store : queues;
    const value: unknown = Reflect.apply(Reflect.get(owner, method) as (...args: unknown[]) => unknown, owner, [
      ...args,
    ]);
    if (!method.startsWith('list')) return value;
    const listed: unknown[] = [];
    for await (const entry of value as AsyncIterable<unknown>) listed.push(entry);
    return listed;
  }

  door.onMoment = goesOn;
  const listeners = new AbortController();
  const ended = new Promise<string | undefined>((resolve, reject) => {
    const listen = (said: Said) => {
      if (said.kind === 'event') onEvent(said.name);
      else if (said.kind === 'ask') answer(said).catch(reject);
      else if (said.kind === 'end') resolve(said.error);
    };
    const exit = () => resolve(killedAt === undefined ? 'The process ended by itself.' : undefined);
    child.on('message', listen).once('exit', exit);
    listeners.signal.addEventListener('abort', () => child.off('message', listen).off('exit', exit));
  });
  tell(child, { kind: 'job', job });
  const error = await ended.finally(() => {
    listeners.abort();
    door.onMoment = () => true;
  });
  if (error !== undefined) throw new Error(`The delivery threw: ${error}`);
  return { killedAt, moments };
}

function nameOf({ method, args }: Asked): string {
  return method === 'replaceState' ? `${method} ${(args[0] as MessageStateRecord).state}` : method;
}

function tell(child: ChildProcess, told: Told): void {
  // It may be dead by now, which is what it is here for.
  child.send(told, () => {});
}

let spare: Promise<ChildProcess> | undefined;
let survivor: Promise<ChildProcess> | undefined;

/** A process takes its time to load what it needs: the next one does so while this one works. */
async function nextVictim(): Promise<ChildProcess> {
  const child = spare ?? newVictim();
  spare = newVictim();
  return child;
}

async function newVictim(): Promise<ChildProcess> {
  bundle ??= bundleVictim();
  const child = fork(join(await bundle, 'victim.cjs'), { serialization: 'advanced' });
  await once(child, 'message');
  return child;
}

let bundle: Promise<string> | undefined;

/** One file, as in production, and the thread that reads MIME beside it: loading the sources would take most of the time. */
async function bundleVictim(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'victim-'));
  const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  await build({
    entryPoints: { victim: source('victim.ts'), mimeThread: source('../../../delivery/large/mimeThread.ts') },
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'bundleUrl' },
    logLevel: 'warning',
  });
  return folder;
}

/** Ends the processes that are left, and clears away what they were made of. */
export async function endVictims(): Promise<void> {
  const [folder, ...children] = await Promise.all([bundle, spare, survivor]);
  [bundle, spare, survivor] = [undefined, undefined, undefined];
  for (const child of children) child?.kill('SIGKILL');
  if (folder) await rm(folder, { recursive: true, force: true });
}
