// Opens a spool as a fresh edge would and says what it would send: `ID SHA256` each, `damaged ID` for what it put aside.
import { createHash } from 'node:crypto';
import { openDiskSpool } from '../src/spool/diskSpool.ts';
import { DamagedMessageError } from '../src/spool/spool.ts';

const [directory = ''] = process.argv.slice(2);
const spool = await openDiskSpool({ directory, now: Date.now });
const later = Date.now() + 3_600_000;
for (let entry = spool.take(later); entry; entry = spool.take(later)) {
  try {
    const message = await spool.open(entry);
    const hash = createHash('sha256');
    for await (const chunk of message.body()) hash.update(chunk as Buffer);
    await message.close();
    process.stdout.write(`${entry.id} ${hash.digest('hex')}\n`);
  } catch (error) {
    if (!(error instanceof DamagedMessageError)) throw error;
    process.stdout.write(`damaged ${entry.id}\n`);
  }
}
await spool.close();
