import type { MessageKey, MessageStore, StoredState } from './messageStore.ts';

/** State records that are read at the same time: listing is fast, one small read after the other is not. */
const PARALLEL = 16;

/**
 * The state of every mail that `keys` names, in their order, as they are listed. A record that cannot be read comes with
 * its error: it must not keep the others from being looked at, and is not the same as none.
 */
export async function* readStates<Key extends MessageKey>(
  store: MessageStore,
  keys: AsyncIterable<Key>,
): AsyncGenerator<{
  readonly key: Key;
  readonly current: StoredState | undefined;
  readonly unreadable?: unknown;
}> {
  let batch: Key[] = [];
  const read = () => Promise.all(batch.map((key) => readOne(store, key)));
  for await (const key of keys) {
    batch.push(key);
    if (batch.length < PARALLEL) continue;
    yield* await read();
    batch = [];
  }
  yield* await read();
}

async function readOne<Key extends MessageKey>(store: MessageStore, key: Key) {
  try {
    return { key, current: await store.readState(key) };
  } catch (unreadable) {
    return { key, current: undefined, unreadable };
  }
}
