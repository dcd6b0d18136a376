import type { ChildProcess } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { listenOnLoopback } from './ports.ts';

/** The one HTTP port of all workers. */
export interface HttpDoor {
  readonly port: number;
  /** Hands the waiting connections to workers; to be called whenever one gets ready. */
  handOver(): void;
  /** Accepts nothing more, and drops what no worker has taken. */
  close(): void;
}

/** Connections that wait while no worker lives; further ones are refused. */
const MAX_WAITING = 1000;

/**
 * Accepts connections and passes each, unread, to one of the live workers in turn. (Not node:cluster: that would share
 * the port of the server that the functions library opens in each worker, too.)
 *
 * @param liveWorkers the workers that can take a connection now
 */
export async function openHttpDoor(port: number, liveWorkers: () => readonly ChildProcess[]): Promise<HttpDoor> {
  const waiting = new Set<Socket>();
  let turn = 0;

  const handOver = () => {
    for (const socket of waiting) {
      const workers = liveWorkers();
      const worker = workers[turn++ % workers.length];
      if (!worker) return;
      waiting.delete(socket);
      worker.send('connection', socket, (error) => {
        if (error) socket.destroy();
      });
    }
  };
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    if (waiting.size >= MAX_WAITING) return void socket.destroy();
    socket.once('error', () => waiting.delete(socket));
    waiting.add(socket);
    handOver();
  });
  const actualPort = await listenOnLoopback(server, port, '--http-port');
  return {
    port: actualPort,
    handOver,
    close() {
      server.close();
      for (const socket of waiting) socket.destroy();
    },
  };
}
