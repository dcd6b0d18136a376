/** Finds mail by what an administrator knows of it: state, age, sender, recipient, device, Message-ID. */
import { z } from 'zod';
import { addressKey } from '../mail/addressKey.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { ListedState, MessageKey, MessageStore } from '../storage/messageStore.ts';
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

/** Told of a record that cannot be read: whether it would have matched, nobody knows. */
export type OnUnreadable = (key: MessageKey, why: unknown) => void;

/**
 * Yields matching mail as it is found, in no particular order. Every record there is gets listed, and only those are read
 * that may match: of sent mail there are 35 days' worth.
 */
export async function* findMessages(
  store: MessageStore,
  filter: MessageFilter,
  onUnreadable: OnUnreadable,
): AsyncGenerator<MessageStateRecord> {
  for await (const { key, current, unreadable } of readStates(store, listed(store, filter))) {
    if (unreadable) onUnreadable(key, unreadable);
    if (current && matches(current.record, filter)) yield current.record;
  }
}

/** The newest `limit` of the records, newest first, and how many there are in all; few more are ever held. */
export async function newest(
  records: AsyncIterable<MessageStateRecord>,
  limit: number,
): Promise<{ records: MessageStateRecord[]; count: number }> {
  let kept: MessageStateRecord[] = [];
  let count = 0;
  const cut = () => {
    kept = kept.sort((a, b) => Date.parse(b.acceptedAt) - Date.parse(a.acceptedAt)).slice(0, limit);
  };
  for await (const record of records) {
    count++;
    kept.push(record);
    if (kept.length >= limit + 1000) cut();
  }
  cut();
  return { records: kept, count };
}

/** Every mail with this id; ids are each caller's own, so there may be several. */
export async function findById(
  store: MessageStore,
  id: string,
  caller: string | undefined,
): Promise<MessageStateRecord[]> {
  const found: MessageStateRecord[] = [];
  for await (const key of store.listStates()) {
    if (key.id !== id || (caller !== undefined && key.caller !== caller)) continue;
    const state = await store.readState(key).catch((why) => {
      throw new Error(unreadableInWords(key, why), { cause: why });
    });
    if (state) found.push(state.record);
  }
  return found;
}

/** One sentence on a record that cannot be read. */
export function unreadableInWords({ caller, id }: MessageKey, why: unknown): string {
  const reason =
    why instanceof z.ZodError
      ? why.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
      : (why as Error).message;
  return `The record ${caller}/${id} cannot be read: ${reason}`;
}

async function* listed(store: MessageStore, { caller, states }: MessageFilter): AsyncGenerator<ListedState> {
  for await (const key of store.listStates())
    if (
      (!caller || key.caller === caller) &&
      (!states || key.state === undefined || states.some((state) => state === key.state))
    )
      yield key;
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
