// A worker that is going to be killed: the real delivery in a process of its own. The store and the queues live in the
// parent, so that they outlive it; Graph is reached over HTTP as ever.
import { createReadStream } from 'node:fs';
import { type DeliveryOptions, deliverMessage } from '../../../delivery/deliverMessage.ts';
import { createGraphClient } from '../../../delivery/graphClient.ts';
import { deliverLarge } from '../../../delivery/large/deliverLarge.ts';
import { goesAsDraft } from '../../../delivery/large/goesAsDraft.ts';
import { createLargeMailSeats } from '../../../delivery/large/largeMailSeats.ts';
import { createMailboxWindows } from '../../../delivery/mailboxWindows.ts';
import type { MessageStateRecord } from '../../../storage/messageState.ts';
import { wakeUpOf } from '../../../storage/wakeUp.ts';
import { createRelayEvents, type EventAttributes } from '../../../wiring/relayEvents.ts';
import { readSettings } from '../../../wiring/settings.ts';

/** What the parent gives it to do. */
export interface Job {
  readonly env: Record<string, string>;
  readonly record: MessageStateRecord;
  /** Where the bytes of the stored message lie. */
  readonly bodyFile: string;
  /** The identity endpoint gives it no token. */
  readonly noToken?: true;
}

/** A call that the parent carries out. */
export interface Asked {
  readonly kind: 'ask';
  readonly number: number;
  readonly target: 'store' | 'queues';
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What it says to its parent. */
export type Said =
  | Asked
  | { readonly kind: 'ready' }
  | { readonly kind: 'event'; readonly name: string; readonly attributes: EventAttributes }
  | { readonly kind: 'end'; readonly error: string | undefined };

/** What its parent says to it. */
export type Told =
  | { readonly kind: 'job'; readonly job: Job }
  | { readonly kind: 'answer'; readonly number: number; readonly value: unknown };

const say = (said: Said) => void process.send!(said);
const waiting = new Map<number, (value: unknown) => void>();

function ask(target: Asked['target'], method: string, args: readonly unknown[]): Promise<unknown> {
  const number = waiting.size === 0 ? 1 : Math.max(...waiting.keys()) + 1;
  say({ kind: 'ask', number, target, method, args });
  return new Promise((resolve) => waiting.set(number, resolve));
}

async function* list<T>(method: string): AsyncGenerator<T> {
  yield* (await ask('store', method, [])) as T[];
}

/** Every method of it is one that the parent is asked for. */
function inParent<T extends object>(target: Asked['target'], own: Partial<T> = {}): T {
  return new Proxy(own as T, {
    get: (object, name) => Reflect.get(object, name) ?? ((...args: unknown[]) => ask(target, String(name), args)),
  });
}

async function deliver({ env, record, bodyFile, noToken }: Job): Promise<void> {
  const settings = readSettings(env);
  const options: DeliveryOptions = {
    settings,
    store: inParent<DeliveryOptions['store']>('store', {
      async openBody(key) {
        return (await ask('store', 'openBody', [key])) === undefined ? undefined : createReadStream(bodyFile);
      },
      listBodies: () => list('listBodies'),
      listStates: () => list('listStates'),
    }),
    queues: inParent<DeliveryOptions['queues']>('queues'),
    graph: createGraphClient({
      baseUrl: settings.GRAPH_BASE_URL,
      token: { get: async () => (noToken ? Promise.reject(new Error('no identity')) : 'token'), forget: () => {} },
      timeoutMs: settings.GRAPH_TIMEOUT_SECONDS * 1000,
    }),
    windows: createMailboxWindows(settings.MAX_INSTANCES),
    events: createRelayEvents((name, _severity, attributes) => say({ kind: 'event', name, attributes }), 'full'),
    owner: `victim/${process.pid}`,
    pause: { askedAt: 0, paused: false },
  };
  if (goesAsDraft(record, settings))
    await deliverLarge({ ...options, seats: createLargeMailSeats() }, wakeUpOf(record));
  else await deliverMessage(options, wakeUpOf(record));
}

process.on('message', (told: Told) => {
  if (told.kind === 'answer') {
    waiting.get(told.number)?.(told.value);
    waiting.delete(told.number);
    return;
  }
  deliver(told.job).then(
    () => say({ kind: 'end', error: undefined }),
    (error: unknown) => say({ kind: 'end', error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
say({ kind: 'ready' });
