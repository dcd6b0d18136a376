// Which edge this is, whatever its name: tells two apart that were given the same one.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/**
 * The id of the edge with the spool in `directory`: minted once and kept there. A machine that was cloned with its spool
 * is another edge, so the machine is part of the id.
 */
export async function instanceId(directory: string, machine = machineIdentity()): Promise<string> {
  const file = join(directory, 'instance');
  const known = (await readFile(file, 'utf8').catch(() => '')).trim(); // there is none before the first start
  const minted = /^[0-9a-f-]{36}$/.test(known) ? known : randomUUID();
  if (minted !== known) await writeFile(file, `${minted}\n`, { mode: 0o600 });
  if (machine === '') return minted;
  const digits = createHash('sha256').update(`${minted}\n${machine}`).digest('hex');
  // The form of a UUID whose content is the vendor's affair (RFC 9562 section 5.8).
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-8${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
}

/** What tells this machine from its clones. Empty in a container: a new one over the same spool is the same edge. */
function machineIdentity(): string {
  if (process.platform !== 'linux') return hostname();
  try {
    const id = readFileSync('/etc/machine-id', 'utf8').trim();
    return id && `${id} ${hostname()}`;
  } catch {
    return ''; // images of containers have none
  }
}
