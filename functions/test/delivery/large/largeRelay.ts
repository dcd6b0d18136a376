// A delivery half for large mail: a store in memory, and the Graph sandbox over real HTTP.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createGraphSandbox } from '../../../../infra/local/graph-sandbox/graphSandbox.ts';
import type { MessageRecord } from '../../../../infra/local/graph-sandbox/store/messageRecord.ts';
import { createGraphClient } from '../../../delivery/graphClient.ts';
import { deliverLarge, type LargeDeliveryOptions } from '../../../delivery/large/deliverLarge.ts';
import { createLargeMailSeats } from '../../../delivery/large/largeMailSeats.ts';
import { createMailboxWindows } from '../../../delivery/mailboxWindows.ts';
import type { MessageStateRecord } from '../../../storage/messageState.ts';
import { wakeUpOf } from '../../../storage/wakeUp.ts';
import { createRelayEvents, type EventAttributes } from '../../../wiring/relayEvents.ts';
import { readSettings } from '../../../wiring/settings.ts';
import { createMemoryQueues, createMemoryStore } from '../../storage/memoryStore.ts';
import { aRecord } from '../../storage/messageStoreContract.ts';

/** What a test asks the sandbox to do wrong; see its `PUT /sandbox/faults`. */
export interface Fault {
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly code?: string;
  readonly retryAfter?: number;
  readonly times?: number;
  readonly after?: boolean;
  readonly hangMs?: number;
  readonly dropConnection?: boolean;
}

/** A relay for large mail; `env` are settings. Everything ends with the test. */
export async function newLargeRelay(t: TestContext, env: Record<string, string> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'large-mail-'));
  const sandbox = await createGraphSandbox({ port: 0, dataDir });
  t.after(async () => {
    await sandbox.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const settings = readSettings({
    MailStorage: 'unused',
    GRAPH_BASE_URL: sandbox.url,
    GRAPH_CREDENTIAL: 'none',
    GRAPH_TIMEOUT_SECONDS: '5',
    LARGE_MAIL: 'on',
    MAX_INSTANCES: '1',
    ...env,
  });
  const store = createMemoryStore();
  const queues = createMemoryQueues();
  const seen: { name: string; attributes: EventAttributes }[] = [];
  const options: LargeDeliveryOptions = {
    settings,
    store,
    queues,
    graph: createGraphClient({
      baseUrl: settings.GRAPH_BASE_URL,
      token: { get: async () => 'token', forget: () => {} },
      timeoutMs: settings.GRAPH_TIMEOUT_SECONDS * 1000,
    }),
    windows: createMailboxWindows(settings.MAX_INSTANCES),
    events: createRelayEvents((name, _severity, attributes) => void seen.push({ name, attributes }), 'full'),
    owner: 'test/1',
    pause: { askedAt: 0, paused: false },
    seats: createLargeMailSeats(),
  };
  const get = async (path: string) => (await fetch(`${sandbox.url}${path}`)).json() as Promise<unknown>;

  return {
    options,
    store,
    queues,
    seen,
    url: sandbox.url,
    names: () => seen.map(({ name }) => name).filter((name) => name !== 'relay.progress'),
    async accept(message: Buffer, changes: Partial<MessageStateRecord> = {}): Promise<MessageStateRecord> {
      const record = aRecord({ size: message.length, messageId: `<${crypto.randomUUID()}@contoso.com>`, ...changes });
      const body = store.newBody(record);
      await body.write(message);
      await body.commit('c'.repeat(64));
      await store.createState(record);
      return record;
    },
    deliver: (record: MessageStateRecord, other: Partial<LargeDeliveryOptions> = {}) =>
      deliverLarge({ ...options, ...other }, wakeUpOf(record)),
    state: async (record: MessageStateRecord) => (await store.readState(record))!.record,
    /** Lets the time pass until the mail is due, and until a draft's two minutes are over. */
    async makeDue(record: MessageStateRecord): Promise<void> {
      const current = (await store.readState(record))!;
      const past = new Date(Date.now() - 3 * 60_000).toISOString();
      const { draftSendAt, claim } = current.record;
      const passed = {
        due: past,
        claim: claim && { ...claim, until: past },
        ...(draftSendAt && { draftSendAt: past }),
      };
      await store.replaceState({ ...current.record, ...passed }, current.etag);
    },
    messages: async () => (await get('/sandbox/messages')) as MessageRecord[],
    /** Subjects of what lies in Drafts. */
    async drafts(mailbox = 'scan@contoso.com'): Promise<string[]> {
      const headers = { authorization: 'Bearer x' };
      const answer = await fetch(`${sandbox.url}/v1.0/users/${mailbox}/mailFolders/drafts/messages`, { headers });
      return ((await answer.json()) as { value: { subject: string }[] }).value.map(({ subject }) => subject);
    },
    /** Properties of the newest sent message, as Graph shows them. */
    async sentMessage(select: string, mailbox = 'scan@contoso.com'): Promise<Record<string, unknown>> {
      const url = `${sandbox.url}/v1.0/users/${mailbox}/mailFolders/sentitems/messages?$select=${select}`;
      const answer = await fetch(url, { headers: { authorization: 'Bearer x' } });
      return ((await answer.json()) as { value: Record<string, unknown>[] }).value.at(-1)!;
    },
    /** Somebody clears the Drafts folder. */
    async deleteDrafts(mailbox = 'scan@contoso.com'): Promise<void> {
      const headers = { authorization: 'Bearer x' };
      const folder = `${sandbox.url}/v1.0/users/${mailbox}`;
      const { value } = (await (await fetch(`${folder}/mailFolders/drafts/messages`, { headers })).json()) as {
        value: { id: string }[];
      };
      for (const { id } of value) await fetch(`${folder}/messages/${id}`, { method: 'DELETE', headers });
    },
    async setFaults(faults: readonly Fault[]): Promise<void> {
      const answer = await fetch(`${sandbox.url}/sandbox/faults`, { method: 'PUT', body: JSON.stringify(faults) });
      if (!answer.ok) throw new Error(await answer.text());
    },
  };
}

export type LargeRelay = Awaited<ReturnType<typeof newLargeRelay>>;
