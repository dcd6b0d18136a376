// Fills a spool and says on standard output what was promised: `ID SHA256` after each commit, `refused CODE` otherwise.
import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { newMessageId } from '../../functions/contract/messageId.ts';
import { openDiskSpool } from '../src/spool/diskSpool.ts';

const [directory = '', count = '1000000'] = process.argv.slice(2);
const spool = await openDiskSpool({ directory, now: Date.now });
let left = Number(count);

async function put(bytes: number): Promise<void> {
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
    writeSync(1, `${id} ${createHash('sha256').update(body).digest('hex')}\n`);
  } catch (error) {
    await message.abort().catch(() => undefined); // it was refused, which is all that counts here
    writeSync(1, `refused ${(error as Error).name} ${(error as NodeJS.ErrnoException).code ?? ''}\n`);
  }
}

/** Small messages share syncs, large ones have files of their own, and some are forwarded at once. */
async function session(size: () => number): Promise<void> {
  while (left-- > 0) await put(size());
}

await Promise.all([
  session(() => 300),
  session(() => 2000),
  session(() => 20_000),
  session(() => 200_000),
  session(() => 500_000),
]);
await spool.close();
