/**
 * One process of the function app, started by the supervisor with an IPC channel. It gets its HTTP connections over
 * that channel, since several workers share one port, and ends at once when the channel closes.
 */
import type { Socket } from 'node:net';
import { parseArgs } from 'node:util';
import type { ConnectionNote } from '../httpDoor.ts';
import type { LogLevel } from './coreModule.ts';
import { startFunctionsRuntime } from './runtime.ts';

const { values } = parseArgs({
  options: {
    app: { type: 'string' },
    lease: { type: 'string', default: '600' },
    timers: { type: 'boolean', default: false },
  },
});
const { app, lease, timers } = values;
const adminKey = process.env.LOCAL_ADMIN_KEY;
if (!app || !adminKey || !process.send) throw new Error('A worker is started by the supervisor.');

// Without its supervisor nobody would ever stop this process. Whatever it was doing will be done again.
process.once('disconnect', () => process.exit(1));

const runtime = await startFunctionsRuntime({
  appDirectory: app,
  settings: process.env,
  adminKey,
  queueLeaseSeconds: Number(lease),
  timers,
  log,
}).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.stdout.write(`${error.stack}\n`);
  return process.exit(1);
});
process.on('message', (message: ConnectionNote | 'stop', handle) => {
  if (message === 'stop') void stop();
  else if (message.type === 'connection' && handle) {
    const socket = handle as Socket;
    const taken: ConnectionNote = { type: 'taken', id: message.id };
    process.send?.(taken);
    runtime.server.emit('connection', socket);
    socket.resume();
  }
});
process.send({ type: 'ready', functions: runtime.functionNames });

async function stop(): Promise<void> {
  await runtime.stop();
  process.exit(0);
}

/** Warnings and worse go to stderr, which the supervisor shows; the rest to stdout, which it keeps in a file. */
function log(level: LogLevel, source: string, message: string): void {
  if (level === 'trace' || level === 'debug') return;
  const serious = level !== 'information';
  (serious ? process.stderr : process.stdout).write(`${serious ? `${level}: ` : ''}${source}: ${message}\n`);
}
