// One process per spool: two would each forward and delete what the other thinks is its own.
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Longest path of a Unix socket that every system takes. */
const MAX_SOCKET_PATH = 100;
/** A take-over that was begun so long ago was not finished by a living process, in milliseconds. */
const TAKEOVER_MS = 10_000;

/** The spool belongs to another process. */
export class SpoolLockedError extends Error {
  override name = 'SpoolLockedError';
}

export interface SpoolLock {
  /** Whoever connects to the lock's socket; the operator's commands come in this way. */
  readonly server: net.Server;
  release(): Promise<void>;
}

/** Where the process that owns `directory` listens. Unlike a file with a pid in it, a socket cannot outlive its owner. */
export function lockAddress(directory: string): string {
  const real = realPath(directory);
  const name = createHash('sha256').update(real).digest('hex').slice(0, 24);
  if (process.platform === 'win32') return `\\\\.\\pipe\\edge-listener-${name}`;
  const inside = [directory, real].map((path) => join(path, 'control.sock'));
  if (!fits(inside[1]!)) return join(tmpdir(), `edge-${name}.sock`);
  return inside.find(fits)!; // as given, if possible: the way from the root may be closed to this user
}

const fits = (path: string) => Buffer.byteLength(path) <= MAX_SOCKET_PATH;

/** One name for a directory, whatever links, drives or capital letters it is reached by. */
function realPath(directory: string): string {
  let real = resolve(directory);
  try {
    real = realpathSync.native(real);
  } catch {
    // Not there, so that nobody has it; or the way to it is closed, and this process is in it already.
  }
  return process.platform === 'win32' ? real.toLowerCase() : real;
}

/** Takes the spool for this process. Throws {@link SpoolLockedError} when another one has it. */
export async function lockSpool(directory: string): Promise<SpoolLock> {
  const address = lockAddress(directory);
  const server = net.createServer();
  try {
    await listen(server, address);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (await answers(address)) throw inUse(directory);
    await takeOver(directory, server, address);
  }
  server.unref();
  return {
    server,
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** The last owner was killed and left its socket. Of several processes that see that, one may clear it away. */
async function takeOver(directory: string, server: net.Server, address: string): Promise<void> {
  const marker = join(directory, 'takeover');
  const begun = await stat(marker).catch(() => undefined); // not there, or `open` tells what is wrong
  // A marker of the future is old as well: the clock was set back.
  if (begun && Math.abs(Date.now() - begun.mtimeMs) > TAKEOVER_MS) await rm(marker, { force: true });
  const handle = await open(marker, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') throw inUse(directory);
    throw new Error(
      `The spool ${directory} was left by an edge that was killed, and cannot be taken over: ${error.message}`,
      {
        cause: error,
      },
    );
  });
  try {
    if (await answers(address)) throw inUse(directory);
    await rm(address, { force: true });
    await listen(server, address);
  } finally {
    await handle.close();
    await rm(marker, { force: true });
  }
}

function listen(server: net.Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** True when a living process listens at `address`. */
export function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(address);
    const done = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

function inUse(directory: string): SpoolLockedError {
  return new SpoolLockedError(`the spool ${directory} is in use by another edge listener.`);
}
