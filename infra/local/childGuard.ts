/**
 * Loaded with --import into programs that know nothing of the supervisor (Azurite, the edge listener).
 *
 * It takes the lock of the child's role on the data directory, waiting for a predecessor that is still writing, and
 * turns the end of the supervisor, however it came, into the child's own graceful stop.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { waitForLock } from './processLock.ts';

/** A predecessor whose supervisor was killed has this long to finish. */
const PATIENCE_MS = 20_000;
/** Answers under way get this long before Azurite writes its files. */
const DRAIN_MS = 2_000;

const { LOCAL_LOCK: lock, LOCAL_STOP: stop } = process.env;
if (!lock) throw new Error('childGuard.ts is loaded by the supervisor.');
if (!(await waitForLock(decodeURIComponent(lock), PATIENCE_MS))) {
  process.stderr.write('An earlier process still uses the data directory; end it and start again.\n');
  process.exit(1);
}

// With the supervisor goes the reader of our output. The last words of a graceful stop must not be what ends it.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

// It ended while this process waited for the lock: nobody would ever stop what would start now.
if (!process.connected) process.exit(0);

if (stop === 'azurite') {
  // Azurite writes its files when asked to shut down, but goes on answering what is under way: such an answer would
  // promise what the files do not hold. So first nothing new is let in, then the last answers go out, then it is asked.
  const answering = new Set<ServerResponse>();
  let closing = false;
  subscribe('http.server.request.start', (event) => {
    const { request, response } = event as { request: IncomingMessage; response: ServerResponse };
    if (closing) return void request.socket.destroy();
    answering.add(response);
    response.once('close', () => answering.delete(response));
  });
  process.once('disconnect', () => {
    closing = true;
    const deadline = Date.now() + DRAIN_MS;
    const timer = setInterval(() => {
      const late = Date.now() >= deadline;
      if (answering.size > 0 && !late) return;
      if (process.emit('message', 'shutdown', undefined)) clearInterval(timer);
      // It is still starting: nobody listens for that yet, and nothing has been promised.
      else if (late) process.exit(0);
    }, 10);
  });
} else {
  process.once('disconnect', () => {
    if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(0);
  });
}
