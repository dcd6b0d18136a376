import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCAL_STORAGE_FILE } from '../../functions/administration/localStorageFile.ts';
import { lockAddress, takeLock } from './processLock.ts';
import { StartError } from './startError.ts';

/** The directory in which a local relay keeps everything, and where in it. */
export interface DataDirectory {
  readonly path: string;
  readonly azurite: string;
  readonly spool: string;
  readonly inbox: string;
  readonly logs: string;
  readonly edgeConfiguration: string;
  readonly pids: string;
  /** While the relay runs, the connection string of its storage, for `npm run messages`. */
  readonly storageConnection: string;
  /** Opens the admin endpoints of the functions runtime; made at the first start. */
  readonly adminKey: string;
}

/** Creates the directory where needed and takes it for this process alone. */
export async function openDataDirectory(wanted: string): Promise<DataDirectory> {
  const path = createWritable(wanted);
  if (!(await takeLock(lockAddress(path, 'supervisor'))))
    throw new StartError(`Another relay already runs on ${path}: stop it, or use another --data directory.`);
  const inside = {
    azurite: join(path, 'azurite'),
    spool: join(path, 'spool'),
    inbox: join(path, 'inbox'),
    logs: join(path, 'logs'),
  };
  for (const directory of Object.values(inside)) mkdirSync(directory, { recursive: true });
  return {
    path,
    ...inside,
    edgeConfiguration: join(path, 'edge.yaml'),
    pids: join(path, 'pids.json'),
    storageConnection: join(path, LOCAL_STORAGE_FILE),
    adminKey: readAdminKey(join(path, 'admin-key')),
  };
}

function createWritable(wanted: string): string {
  try {
    mkdirSync(wanted, { recursive: true });
    accessSync(wanted, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(wanted);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new StartError(`The data directory ${wanted} cannot be used (${reason}): choose another with --data.`);
  }
}

function readAdminKey(path: string): string {
  if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString('base64url'), { mode: 0o600 });
  return readFileSync(path, 'utf8').trim();
}
