/**
 * Which mails share a Message-ID: some devices give every mail the same. Finding such an id in a mailbox proves nothing
 * about one of them. What storage knows is read once for all who ask within half a minute.
 */
import { addressKey } from '../mail/addressKey.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { ListedState, MessageStore } from '../storage/messageStore.ts';
import { readStates } from '../storage/readStates.ts';

interface Bearer {
  readonly caller: string;
  readonly id: string;
  readonly live: boolean;
  readonly changedAt: number;
}

interface Index {
  readonly madeAt: number;
  /** Finished mails that changed no later than this are not in it. */
  readonly since: number;
  /** By mailbox and Message-ID; undefined when there were too many mails to read. */
  readonly bearers: Promise<ReadonlyMap<string, readonly Bearer[]> | undefined>;
}

/** Clocks of ours and of storage may differ by this much. */
const CLOCK_MS = 5000;
const KEEP_MS = 30_000;
/** Records that are read for one index; more of them, and no Message-ID is to be trusted. */
const MAX_READ = 5000;

const indexes = new WeakMap<MessageStore, Index>();

/**
 * Whether another mail of the mailbox carries the same Message-ID and may stand in the mailbox for this one: it is
 * unfinished, or it changed after the attempt began whose outcome is sought.
 */
export async function sharesMessageId(store: MessageStore, record: MessageStateRecord): Promise<boolean> {
  const since = Date.parse(record.doubt?.since ?? record.acceptedAt) - CLOCK_MS;
  const bearers = await indexSince(store, since).bearers;
  if (!bearers) return true;
  return (bearers.get(nameOf(record)) ?? []).some(
    ({ caller, id, live, changedAt }) => (caller !== record.caller || id !== record.id) && (live || changedAt >= since),
  );
}

function indexSince(store: MessageStore, since: number): Index {
  const kept = indexes.get(store);
  if (kept && kept.since <= since && Date.now() < kept.madeAt + KEEP_MS) return kept;
  const index: Index = { madeAt: Date.now(), since, bearers: readBearers(store, since) };
  indexes.set(store, index);
  index.bearers.catch(() => {
    // Whoever waits for it is told; whoever comes next asks anew.
    if (indexes.get(store) === index) indexes.delete(store);
  });
  return index;
}

async function readBearers(store: MessageStore, since: number) {
  const bearers = new Map<string, Bearer[]>();
  let read = 0;
  for await (const { key, current } of readStates(store, changedSince(store, since))) {
    if (++read > MAX_READ) return undefined;
    if (!current) continue;
    const { caller, id, state } = current.record;
    const live = state === 'accepted' || state === 'sending';
    const name = nameOf(current.record);
    const others = bearers.get(name) ?? [];
    bearers.set(name, [...others, { caller, id, live, changedAt: timeOf(key) }]);
  }
  return bearers;
}

/** Every mail that is not finished, or that changed since then. */
async function* changedSince(store: MessageStore, since: number): AsyncGenerator<ListedState> {
  for await (const listed of store.listStates()) {
    const finished = listed.state === 'sent' || listed.state === 'failed' || listed.state === 'held';
    if (!finished || timeOf(listed) >= since) yield listed;
  }
}

function timeOf({ changedAt }: ListedState): number {
  return changedAt?.getTime() ?? Number.POSITIVE_INFINITY;
}

function nameOf({ mailbox, messageId }: MessageStateRecord): string {
  return `${addressKey(mailbox)} ${messageId}`;
}
