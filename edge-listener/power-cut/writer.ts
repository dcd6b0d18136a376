// Fills a spool and ends some of its mail, and says on standard output, in this order, what may be relied on:
//
//   promised ID SHA256  it has to be found, queued
//   keeping ID          it is on its way into `failed`, or back: it has to be found in one of the two
//   kept ID             it has to be found in `failed`, and must not be sent
//   dropping ID         nobody can say
//   gone ID             it must not be found
//   refused CODE        it was not promised
import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { newMessageId } from '../../functions/contract/messageId.ts';
import { openDiskSpool } from '../src/spool/diskSpool.ts';
import { SMALL_BYTES } from '../src/spool/incomingMessage.ts';
import type { QueuedEntry } from '../src/spool/spool.ts';

const [directory = '', count = '1000000'] = process.argv.slice(2);
const spool = await openDiskSpool({ directory, now: Date.now });
let left = Number(count);
let turn = 0;
/** What somebody has in hand, or has ended. */
const inHand = new Set<string>();
const digests = new Map<string, string>();
const say = (...words: string[]) => writeSync(1, `${words.join(' ')}\n`);

async function put(bytes: number): Promise<string | undefined> {
  const id = newMessageId();
  const client = { address: '192.0.2.1', helo: 'power-cut', user: '', tls: '' };
  const body = randomBytes(bytes);
  const message = spool.begin(id, {
    v: 1,
    from: 'a@b.example',
    to: ['c@d.example'],
    receivedAt: '',
    edge: 'e',
    client,
  });
  try {
    await message.append(body);
    await message.commit(Date.now());
    digests.set(id, createHash('sha256').update(body).digest('hex'));
    say('promised', id, digests.get(id)!);
    return id;
  } catch (error) {
    await message.abort().catch(() => undefined); // it was refused, which is all that counts here
    say('refused', (error as Error).name, (error as NodeJS.ErrnoException).code ?? '');
    return undefined;
  }
}

function take(): QueuedEntry | undefined {
  const entry = spool.take(Date.now());
  if (entry) inHand.add(entry.id);
  return entry;
}

async function keep(id: string, work: Promise<unknown>): Promise<void> {
  say('keeping', id);
  await work;
  say('kept', id);
}

const endings: ((id: string) => Promise<void>)[] = [
  async () => {
    const entry = take();
    if (!entry) return;
    say('dropping', entry.id);
    await spool.settle(entry, { kind: 'forwarded' });
  },
  async () => {
    const entry = take();
    if (!entry) return;
    const now = Date.now();
    await spool.settle(entry, { kind: 'retry', attempts: 1, due: now + 1000, firstTriedAt: now });
    inHand.delete(entry.id);
  },
  async () => {
    const entry = take();
    if (!entry) return;
    await keep(entry.id, spool.settle(entry, { kind: 'failed', attempts: 1, code: '413', reason: 'too large' }));
  },
  async (id) => keep(id, spool.hold(id, 'Held.')),
  async (id) => {
    say('dropping', id);
    await spool.remove(id);
    say('gone', id);
  },
  async (id) => {
    await keep(id, spool.hold(id, 'Held.'));
    say('keeping', id);
    if ((await spool.retry(id)) !== 'done') return;
    say('promised', id, digests.get(id)!);
    inHand.delete(id);
  },
];

/** Ends something after every second message; what cannot be ended stays what it was said to be. */
async function endOne(id: string): Promise<void> {
  const end = endings[turn++ % (endings.length * 2)];
  if (!end) return;
  if (end.length > 0) {
    if (inHand.has(id)) return;
    inHand.add(id);
  }
  await end(id).catch(() => undefined); // a fault was injected: the reader finds what came of it
}

/** Small messages share syncs, large ones have files of their own. */
async function session(size: () => number): Promise<void> {
  while (left-- > 0) {
    const id = await put(size());
    if (id) await endOne(id);
  }
}

await Promise.all([
  session(() => 300),
  session(() => 2000),
  session(() => 200_000),
  session(() => SMALL_BYTES + 50_000),
  session(() => SMALL_BYTES + 300_000),
]);
await spool.close();
