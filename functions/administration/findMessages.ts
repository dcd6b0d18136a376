/** Finds mail by what an administrator knows of it: state, age, sender, recipient, device, Message-ID. */
import { addressKey } from '../mail/addressKey.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { MessageStore } from '../storage/messageStore.ts';
import { readStates } from '../storage/readStates.ts';

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

/**
 * Yields matching mail as it is found, in no particular order. Only mail that is not sent yet is looked through unless
 * the filter may match sent mail too: of that there are 35 days' worth.
 */
export async function* findMessages(store: MessageStore, filter: MessageFilter): AsyncGenerator<MessageStateRecord> {
  const finishedToo = filter.states === undefined || filter.states.includes('sent');
  const keys = finishedToo ? store.listStates() : store.listBodies();
  for await (const { current } of readStates(store, keys))
    if (current && matches(current.record, filter)) yield current.record;
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

function matches(record: MessageStateRecord, filter: MessageFilter): boolean {
  const ageMs = Date.now() - Date.parse(record.acceptedAt);
  return (
    (!filter.caller || record.caller === filter.caller) &&
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
