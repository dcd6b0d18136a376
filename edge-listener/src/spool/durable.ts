// Making files and names survive a power cut.
import { close, fsync, open } from 'node:fs';
import { promisify } from 'node:util';
import { SpoolFullError } from './spool.ts';

const openFd = promisify(open);
const closeFd = promisify(close);
const sync = promisify(fsync);

/**
 * Makes the names in `directory` durable: on Linux a file that was fsynced and renamed can still lose its name in a
 * power cut until its directory is synced too. Windows and some file systems refuse to open or sync a directory;
 * their journal orders the rename itself, so only an input/output error counts there.
 */
export async function syncDirectory(directory: string): Promise<void> {
  let fd: number;
  try {
    fd = await openFd(directory, 'r');
  } catch (error) {
    if (isRefusal(error)) return;
    throw error;
  }
  try {
    await sync(fd);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  } finally {
    await closeFd(fd);
  }
}

function isRefusal(error: unknown): boolean {
  return ['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * A {@link syncDirectory} that many callers share: whoever asks while a sync is running is served by the next one,
 * together with everybody else who asked, because only a sync that began after the rename covers it.
 */
export function createSharedDirectorySync(directory: string, sync = syncDirectory): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running
      .catch(() => undefined) // reported to those who waited for that one
      .then(() => {
        running = sync(directory);
        next = undefined;
        return running;
      });
    return next;
  };
}

/** A full disk, inodes or quota become {@link SpoolFullError}; everything else stays what it is. */
export function asSpoolError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'].includes(code))
    return new SpoolFullError(`The spool has no room (${code}).`, { cause: error });
  return error;
}
