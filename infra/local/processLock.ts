import { createHash } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The address of a lock named `name` on a directory. A lock is a local socket somebody listens on: it belongs to a
 * process and ends with it, however it ends, so it can never be left behind as a file with a process id can.
 */
export function lockAddress(directory: string, name: string): string {
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 24);
  const unique = `m365-relay-${digest}-${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${unique}`;
  // Linux has socket names that are not files (unix(7), "abstract"); elsewhere a file stands for it.
  return process.platform === 'linux' ? `\0${unique}` : join(tmpdir(), `${unique}.sock`);
}

/** Takes a lock for the rest of this process' life; false when another process holds it. */
export async function takeLock(address: string): Promise<boolean> {
  if (await listen(address)) return true;
  if (address.startsWith('/') && !(await isHeld(address))) {
    unlinkSync(address);
    return listen(address);
  }
  return false;
}

/** Takes a lock, waiting at most `patienceMs` for the process that holds it to end. */
export async function waitForLock(address: string, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (!(await takeLock(address))) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}

function listen(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server: Server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(address, () => resolve(true)).unref();
  });
}

/** Whether somebody answers at a socket file; nobody does when its process is gone. */
function isHeld(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
