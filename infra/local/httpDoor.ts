import type { ChildProcess } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { listenOnLoopback } from './ports.ts';

/** The one HTTP port of all workers. */
export interface HttpDoor {
  readonly port: number;
  /** Hands the waiting connections to workers; to be called whenever a worker gets ready or ends. */
  handOver(): void;
  /** Accepts nothing more, and drops what no worker has taken. */
  close(): void;
}

/** Connections that no worker has taken yet; further ones are refused. */
const MAX_WAITING = 1000;

/** What a worker is told with a connection, and says back as soon as it has it. */
export interface ConnectionNote {
  readonly type: 'connection' | 'taken';
  readonly id: number;
}

/**
 * Accepts connections and passes each, unread, to one of the live workers in turn. (Not node:cluster: that would share
 * the port of the server that the functions library opens in each worker, too.)
 *
 * A connection stays open here, too, until its worker says that it has it: what is on its way to a worker that dies is
 * handed to another. Node itself forgets such connections, open, and their clients would wait for ever.
 *
 * @param liveWorkers the workers that can take a connection now
 */
export async function openHttpDoor(port: number, liveWorkers: () => readonly ChildProcess[]): Promise<HttpDoor> {
  const waiting = new Set<Socket>();
  const handed = new Map<number, { readonly socket: Socket; readonly worker: ChildProcess }>();
  const known = new WeakSet<ChildProcess>();
  let lastId = 0;

  const handOver = () => {
    for (const [id, { socket, worker }] of handed)
      if (!worker.connected) {
        handed.delete(id);
        waiting.add(socket);
      }
    const workers = liveWorkers().filter(({ connected }) => connected);
    for (const socket of waiting) {
      const id = ++lastId;
      const worker = workers[id % workers.length];
      if (!worker) return;
      waiting.delete(socket);
      handed.set(id, { socket, worker });
      listenTo(worker);
      const note: ConnectionNote = { type: 'connection', id };
      // It fails only when the worker has gone, and then the next hand-over finds the connection.
      worker.send(note, socket, { keepOpen: true }, () => {});
    }
  };

  const listenTo = (worker: ChildProcess) => {
    if (known.has(worker)) return;
    known.add(worker);
    worker.on('message', (message: Partial<ConnectionNote> | null) => {
      if (message?.type !== 'taken' || message.id === undefined) return;
      handed.get(message.id)?.socket.destroy();
      handed.delete(message.id);
    });
  };

  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    if (waiting.size + handed.size >= MAX_WAITING) return void socket.destroy();
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
      for (const { socket } of handed.values()) socket.destroy();
    },
  };
}
