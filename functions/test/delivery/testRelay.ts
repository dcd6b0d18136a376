// A delivery half on a store in memory, with a Graph that answers as told.
import type { DeliveryOptions } from '../../delivery/deliverMessage.ts';
import { createMailboxWindows } from '../../delivery/mailboxWindows.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import { createRelayEvents, type EventAttributes } from '../../wiring/relayEvents.ts';
import { readSettings } from '../../wiring/settings.ts';
import { createMemoryQueues, createMemoryStore } from '../storage/memoryStore.ts';
import { aRecord } from '../storage/messageStoreContract.ts';
import { type FakeAnswer, startFakeGraph } from './fakeGraph.ts';

const MESSAGE = 'From: scan@contoso.com\r\nTo: bob@contoso.com\r\nSubject: x\r\n\r\nbody\r\n';

/** `answers` are given to the calls to Graph in turn; `env` are settings; every accepted mail is `message`. */
export async function newRelay(answers: FakeAnswer[], env: Record<string, string> = {}, message = MESSAGE) {
  const settings = readSettings({
    MailStorage: 'unused',
    GRAPH_CREDENTIAL: 'none',
    GRAPH_TIMEOUT_SECONDS: '1',
    ...env,
  });
  const store = createMemoryStore();
  const queues = createMemoryQueues();
  const graph = await startFakeGraph(answers);
  const seen: { name: string; attributes: EventAttributes }[] = [];
  const options: DeliveryOptions = {
    settings,
    store,
    queues,
    graph: graph.client(settings.GRAPH_TIMEOUT_SECONDS * 1000),
    windows: createMailboxWindows(settings.MAX_INSTANCES),
    events: createRelayEvents((name, _severity, attributes) => void seen.push({ name, attributes }), 'full'),
    owner: 'test/1',
    pause: { askedAt: 0, paused: false },
  };
  async function accept(changes: Partial<MessageStateRecord> = {}): Promise<MessageStateRecord> {
    const record = aRecord({ size: message.length, ...changes });
    const body = store.newBody(record);
    await body.write(Buffer.from(message));
    await body.commit('c'.repeat(64));
    await store.createState(record);
    return record;
  }
  const state = async (record: MessageStateRecord) => (await store.readState(record))!.record;
  const names = () => seen.map(({ name }) => name);
  return { ...options, options, store, queues, graphServer: graph, accept, state, names, seen };
}

export const past = (ms: number) => new Date(Date.now() - ms).toISOString();
export const future = (ms: number) => new Date(Date.now() + ms).toISOString();
