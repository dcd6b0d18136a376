// The edge put together: spool, forwarder, listeners; started and stopped in order.
import { join } from 'node:path';
import type { EdgeConfig } from './config/configSchema.ts';
import type { Report } from './events.ts';
import { createForwarder } from './forward/forwarder.ts';
import { createHttpClient } from './forward/httpExchange.ts';
import { createRelayClient } from './forward/relayClient.ts';
import { createInventory, readInventory } from './inventory.ts';
import { createAuthBans } from './policy/authBans.ts';
import { createRateLimit } from './policy/rateLimit.ts';
import { createConnectionCount } from './smtp/connectionCount.ts';
import { createRepeats } from './smtp/repeats.ts';
import { createSmtpListener, type SharedParts, type SmtpListener } from './smtp/smtpListener.ts';
import { openDiskSpool } from './spool/diskSpool.ts';
import { createSteadyClock } from './steadyClock.ts';
import { edgeVersion } from './version.ts';

/** How long a message being received, and one being forwarded, may take to finish when the edge stops. */
const RECEIVE_GRACE_MS = 8000;
const FORWARD_GRACE_MS = 8000;

/** How often the inventory of devices is written, in milliseconds. */
const SAVE_INVENTORY_MS = 30_000;

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
  const inventoryFile = join(directory, 'devices.json');
  const inventory = createInventory(now, await readInventory(inventoryFile));
  const saveInventory = () =>
    inventory.save(inventoryFile).catch((error: unknown) => report('edge.spoolError', { reason: String(error) }));
  const inventoryTimer = setInterval(saveInventory, SAVE_INVENTORY_MS).unref();
  const shared: SharedParts = {
    config,
    spool,
    report,
    now,
    inventory,
    connections: createConnectionCount(config.limits),
    repeats: createRepeats(config.limits.repeatMinutes * 60_000),
    rates: createRateLimit(),
    bans: createAuthBans(config.limits.authFailures),
  };

  const listeners: SmtpListener[] = [];

  async function letGo(receiveGraceMs: number): Promise<void> {
    await Promise.all(listeners.map((listener) => listener.close(receiveGraceMs)));
    await forwarder.stop(FORWARD_GRACE_MS);
    http.close();
    clearInterval(inventoryTimer);
    await saveInventory();
    await spool.close();
  }

  async function stop(signal: string): Promise<void> {
    report('edge.stopping', { signal });
    await letGo(RECEIVE_GRACE_MS);
    report('edge.stopped', { queued: spool.counts().queued });
  }

  try {
    for (const { tls, auth, clients, ...rest } of config.listeners) {
      const listener = createSmtpListener({ tls, auth, clients, ...rest }, shared);
      listeners.push(listener);
      const { address, port } = await listener.listen();
      report('edge.listening', { address, port, tls, auth, clients });
    }
  } catch (error) {
    await letGo(0);
    throw error;
  }
  forwarder.start();
  report('edge.ready', {});
  return { stop };
}
