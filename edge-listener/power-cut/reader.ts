// Opens a spool as a fresh edge would and says what it has: `queued ID SHA256` for what it would send, `failed ID SHA256`
// for what it keeps, `damaged ID` for what it put aside.
import { createHash } from 'node:crypto';
import { openDiskSpool } from '../src/spool/diskSpool.ts';
import { DamagedMessageError, type StoredMessage } from '../src/spool/spool.ts';

const [directory = ''] = process.argv.slice(2);
const spool = await openDiskSpool({ directory, now: Date.now });
const later = Date.now() + 3_600_000;

async function tell(state: string, id: string, open: () => Promise<StoredMessage | undefined>): Promise<void> {
  try {
    const message = await open();
    if (!message) return;
    const hash = createHash('sha256');
    for await (const chunk of message.body()) hash.update(chunk as Buffer);
    await message.close();
    process.stdout.write(`${state} ${id} ${hash.digest('hex')}\n`);
  } catch (error) {
    if (!(error instanceof DamagedMessageError)) throw error;
    process.stdout.write(`damaged ${id}\n`);
  }
}

for (let entry = spool.take(later); entry; entry = spool.take(later)) {
  const { id } = entry;
  await tell('queued', id, () => spool.open(entry!));
}
for (const { id } of await spool.failed()) await tell('failed', id, () => spool.find(id));
await spool.close();
