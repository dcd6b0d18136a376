// The edge put together: spool, forwarder, listeners; started and stopped in order.
import type { EdgeConfig } from './config/configSchema.ts';
import type { Report } from './events.ts';
import { createForwarder } from './forward/forwarder.ts';
import { createHttpClient } from './forward/httpExchange.ts';
import { createRelayClient } from './forward/relayClient.ts';
import { createConnectionCount } from './smtp/connectionCount.ts';
import { createSmtpListener } from './smtp/smtpListener.ts';
import { openDiskSpool } from './spool/diskSpool.ts';
import { createSteadyClock } from './steadyClock.ts';
import { edgeVersion } from './version.ts';

/** How long a message being received, and one being forwarded, may take to finish when the edge stops. */
const RECEIVE_GRACE_MS = 8000;
const FORWARD_GRACE_MS = 8000;

/** A running edge. */
export interface Edge {
  /** Stops in order: no new mail, what is being received, what is being forwarded. Nothing promised is lost. */
  stop(signal: string): Promise<void>;
}

/** Starts everything. Rejects, with nothing left running, when the spool or a port cannot be had. */
export async function startEdge(config: EdgeConfig, relayKey: string, report: Report): Promise<Edge> {
  const now = createSteadyClock();
  const { directory, minFreeBytes, quotaBytes } = config.spool;
  report('edge.starting', {
    version: edgeVersion,
    node: process.version,
    name: config.name,
    spool: directory,
    relay: config.relay.url,
  });
  const opened = performance.now();
  const spool = await openDiskSpool({ directory, now, minFreeBytes, quotaBytes });
  const { queued, failed, swept, damaged } = spool.recovered;
  const milliseconds = Math.round(performance.now() - opened);
  report('edge.recovered', { queued, failed, swept, milliseconds });
  if (damaged > 0)
    report('edge.spoolError', { reason: `${damaged} damaged files were put aside in ${directory}/damaged.` });

  const http = createHttpClient({
    baseUrl: config.relay.url,
    maxSockets: config.relay.parallel,
    idleTimeoutMs: 60_000,
    answerTimeoutMs: 230_000,
  });
  const client = createRelayClient({ http, now, authorization: async () => `Bearer ${relayKey}` });
  const forwarder = createForwarder({ spool, client, parallel: config.relay.parallel, report, now });
  const connections = createConnectionCount(config.limits);
  const listeners = config.listeners.map((listener) =>
    createSmtpListener({ listener, config, spool, report, now, connections }),
  );

  async function stop(signal: string): Promise<void> {
    report('edge.stopping', { signal });
    await Promise.all(listeners.map((listener) => listener.close(RECEIVE_GRACE_MS)));
    await forwarder.stop(FORWARD_GRACE_MS);
    http.close();
    await spool.close();
    report('edge.stopped', { queued: spool.counts().queued });
  }

  try {
    for (const [i, listener] of listeners.entries()) {
      const { address, port } = await listener.listen();
      report('edge.listening', { address, port, clients: config.listeners[i]!.clients });
    }
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close(0)));
    http.close();
    await spool.close();
    throw error;
  }
  forwarder.start();
  report('edge.ready', {});
  return { stop };
}
