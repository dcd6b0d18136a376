import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { StartError } from './startError.ts';

/** Makes `server` listen on a port of 127.0.0.1 (0 = any free one) and returns the port. */
export async function listenOnLoopback(server: Server, port: number, flag: string): Promise<number> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new StartError(`Port ${port} is in use: stop what uses it, or choose another port with ${flag}.`);
    if (code === 'EACCES')
      throw new StartError(`Port ${port} may not be used by this user: choose another port with ${flag}.`);
    throw error;
  }
  return (server.address() as { port: number }).port;
}

/** Throws a {@link StartError} when a port that a child will need is taken; 0 is always free. */
export async function checkPortFree(port: number, flag: string): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  await listenOnLoopback(probe, port, flag);
  probe.close();
  await once(probe, 'close');
}
