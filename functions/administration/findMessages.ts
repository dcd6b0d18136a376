/** Finds mail by what an administrator knows of it: state, age, sender, recipient, device, Message-ID. */
import { addressKey } from '../mail/addressKey.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { MessageKey, MessageStore } from '../storage/messageStore.ts';

export interface MessageFilter {
  readonly states?: readonly MessageStateRecord['state'][];
  readonly caller?: string;
  readonly from?: string;
  readonly to?: string;
  readonly device?: string;
  readonly messageId?: string;
  /** Accepted at least this long ago, in milliseconds. */
  readonly olderThanMs?: number;
  /** Accepted at most this long ago, in milliseconds. */
  readonly newerThanMs?: number;
}

/** State records that are read at the same time. */
const PARALLEL = 16;

/**
 * Yields matching mail as it is found, in no particular order. Only mail that is not sent yet is looked through unless
 * the filter may match sent mail too: of that there are 35 days' worth.
 */
export async function* findMessages(store: MessageStore, filter: MessageFilter): AsyncGenerator<MessageStateRecord> {
  const finishedToo = filter.states === undefined || filter.states.includes('sent');
  const keys = finishedToo ? store.listStates() : store.listBodies();
  let batch: MessageKey[] = [];
  for await (const key of keys) {
    if (filter.caller && key.caller !== filter.caller) continue;
    batch.push(key);
    if (batch.length < PARALLEL) continue;
    yield* await readMatching(store, batch, filter);
    batch = [];
  }
  yield* await readMatching(store, batch, filter);
}

/** Every mail with this id; ids are each caller's own, so there may be several. */
export async function findById(store: MessageStore, id: string): Promise<MessageStateRecord[]> {
  const found: MessageStateRecord[] = [];
  for await (const key of store.listStates()) {
    if (key.id !== id) continue;
    const state = await store.readState(key);
    if (state) found.push(state.record);
  }
  return found;
}

async function readMatching(
  store: MessageStore,
  keys: readonly MessageKey[],
  filter: MessageFilter,
): Promise<MessageStateRecord[]> {
  const states = await Promise.all(keys.map((key) => store.readState(key)));
  return states.flatMap((state) => (state && matches(state.record, filter) ? [state.record] : []));
}

function matches(record: MessageStateRecord, filter: MessageFilter): boolean {
  const ageMs = Date.now() - Date.parse(record.acceptedAt);
  return (
    (!filter.states || filter.states.includes(record.state)) &&
    (!filter.from || [record.from, record.mailbox].some((address) => sameAddress(address, filter.from!))) &&
    (!filter.to || record.to.some((address) => sameAddress(address, filter.to!))) &&
    (!filter.device || record.client.address === filter.device) &&
    (!filter.messageId || record.messageId.includes(filter.messageId)) &&
    ageMs >= (filter.olderThanMs ?? 0) &&
    ageMs <= (filter.newerThanMs ?? Number.POSITIVE_INFINITY)
  );
}

/** Equal addresses, or an address in the wanted domain when only `@domain` is given. */
function sameAddress(address: string, wanted: string): boolean {
  const key = addressKey(address);
  return wanted.startsWith('@') ? key.endsWith(addressKey(wanted)) : key === addressKey(wanted);
}
