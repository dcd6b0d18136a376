// The edge put together: spool, forwarder, listeners; started and stopped in order.
import { join } from 'node:path';
import type { HeartbeatListener } from '../../functions/contract/relayProtocol.ts';
import type { CertificateConfig, EdgeConfig } from './config/configSchema.ts';
import type { Report } from './events.ts';
import { createAuthorization } from './forward/authorization.ts';
import { createFailureReports } from './forward/failureReports.ts';
import { createForwarder } from './forward/forwarder.ts';
import { createHttpClient } from './forward/httpExchange.ts';
import { createRelayClient } from './forward/relayClient.ts';
import { createInventory, readInventory } from './inventory.ts';
import { type ControlServer, createControlServer } from './operations/controlServer.ts';
import { createEventTally } from './operations/eventTally.ts';
import { startHeartbeat } from './operations/heartbeat.ts';
import { instanceId } from './operations/instanceId.ts';
import { metricsText } from './operations/metrics.ts';
import { type OperationsServer, startOperationsServer } from './operations/operationsServer.ts';
import { createOperator } from './operations/operator.ts';
import { createAuthBans } from './policy/authBans.ts';
import { createRateLimit } from './policy/rateLimit.ts';
import { createConnectionCount } from './smtp/connectionCount.ts';
import { createRepeats } from './smtp/repeats.ts';
import { createSmtpListener, type SharedParts, type SmtpListener } from './smtp/smtpListener.ts';
import { certificateEnd } from './smtp/tlsMaterial.ts';
import { type DiskSpool, openDiskSpool } from './spool/diskSpool.ts';
import { keepFailedForDays } from './spool/failedRetention.ts';
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
export async function startEdge(config: EdgeConfig, relayKey: string, log: Report): Promise<Edge> {
  const now = createSteadyClock();
  const tally = createEventTally(log);
  const { report } = tally;
  const { name, relay, spool: place } = config;
  report('edge.starting', {
    version: edgeVersion,
    node: process.version,
    name,
    spool: place.directory,
    relay: relay.url,
  });
  const control = createControlServer();
  const spool = await openSpool(config, now, report, control.attach);
  const inventoryFile = join(place.directory, 'devices.json');
  const inventory = createInventory(Date.now, await readInventory(inventoryFile));
  const saveInventory = () =>
    inventory.save(inventoryFile).catch((error: unknown) => report('edge.spoolError', { reason: String(error) }));
  const inventoryTimer = setInterval(saveInventory, SAVE_INVENTORY_MS).unref();
  const devices = async () => inventory.all();
  control.serve(createOperator({ spool, directory: place.directory, devices, wasForwarded: tally.wasForwarded }));

  const http = createHttpClient({
    baseUrl: relay.url,
    maxSockets: relay.parallel + 1,
    idleTimeoutMs: 60_000,
    answerTimeoutMs: 230_000,
  });
  const authorization = await createAuthorization(relayKey, relay.entra);
  const compress = relay.compress === 'auto' && relay.url.startsWith('https:');
  const client = createRelayClient({ http, now, authorization, compress });
  const postmaster = config.postmaster ?? '';
  const reports = createFailureReports({ spool, edge: name, postmaster, report, now, wall: Date.now });
  const { reportFailure } = reports;
  const { parallel } = relay;
  const forwarder = createForwarder({ spool, client, parallel, report, now, wall: Date.now, reportFailure });

  let messageLimit = config.maxMessageBytes;
  const shared: SharedParts = {
    config,
    spool,
    report,
    now: Date.now,
    inventory,
    messageLimit: () => messageLimit,
    connections: createConnectionCount(config.limits),
    repeats: createRepeats(config.limits.repeatMinutes * 60_000),
    rates: createRateLimit(),
    bans: createAuthBans(config.limits.authFailures),
  };
  const stopRetention = keepFailedForDays({ spool, report, wall: Date.now });
  const listeners: SmtpListener[] = [];
  const listening: (Omit<HeartbeatListener, 'certificateExpires'> & { certificate?: CertificateConfig })[] = [];
  let operations: OperationsServer | undefined;
  let stopHeartbeat: () => void = () => undefined;

  const oldestSeconds = () => {
    const { oldestQueuedAt } = spool.counts();
    return oldestQueuedAt === undefined ? 0 : Math.max(0, Math.round((Date.now() - oldestQueuedAt) / 1000));
  };
  const uptimeSeconds = () => Math.round(process.uptime());

  async function letGo(receiveGraceMs: number): Promise<void> {
    stopHeartbeat();
    stopRetention();
    await Promise.all(listeners.map((listener) => listener.close(receiveGraceMs)));
    await forwarder.stop(FORWARD_GRACE_MS);
    await reports.close();
    http.close();
    clearInterval(inventoryTimer);
    await saveInventory();
    await operations?.close();
    await spool.close();
  }

  try {
    for (const listener of config.listeners) {
      const { tls, auth, clients } = listener;
      const opened = createSmtpListener(listener, shared);
      listeners.push(opened);
      const { address, port } = await opened.listen();
      const certificate = tls === 'none' ? undefined : (listener.certificate ?? config.certificate);
      listening.push({ address, port, tls, ...(certificate && { certificate }) });
      report('edge.listening', { address, port, tls, auth, clients });
    }
    if (config.operations) {
      operations = await startOperationsServer(config.operations, {
        notReady: () => spool.roomProblem(0),
        metrics: () =>
          metricsText({
            tally,
            counts: spool.counts(),
            connections: shared.connections.size,
            oldestSeconds: oldestSeconds(),
            uptimeSeconds: uptimeSeconds(),
            version: edgeVersion,
          }),
      });
      const { address, port } = operations.address;
      report('edge.operations', { address, port });
    }
    const instance = await instanceId(place.directory);
    stopHeartbeat = startHeartbeat({
      http,
      authorization,
      name,
      report,
      state: () => {
        const { queued, queuedBytes } = spool.counts();
        return {
          v: 1,
          version: edgeVersion,
          instance,
          uptimeSeconds: uptimeSeconds(),
          spool: { count: queued, bytes: queuedBytes, oldestSeconds: oldestSeconds() },
          lastError: tally.lastError,
          listeners: listening.map(({ certificate, ...listener }) => {
            const certificateExpires = certificate && knownEnd(certificate);
            return { ...listener, ...(certificateExpires && { certificateExpires }) };
          }),
          devices: inventory.all().map(({ address, accepted, rejected, bytes, lastSeen, tls, user }) => {
            return { address, accepted, rejected, bytes, lastSeen, tls, user };
          }),
        };
      },
      onAnswer({ maxMessageBytes }) {
        const limit = Math.min(config.maxMessageBytes, maxMessageBytes);
        if (!Number.isSafeInteger(limit) || limit < 1 || limit === messageLimit) return;
        messageLimit = limit;
        for (const listener of listeners) listener.setMessageLimit(limit);
        report('edge.messageLimit', { bytes: limit });
      },
    });
  } catch (error) {
    await letGo(0);
    throw error;
  }
  forwarder.start();
  report('edge.ready', {});
  return {
    async stop(signal) {
      report('edge.stopping', { signal });
      await letGo(RECEIVE_GRACE_MS);
      report('edge.stopped', { queued: spool.counts().queued });
    },
  };
}

/** When the certificate that is in its place now ends. Files that are just being replaced are no reason for silence. */
function knownEnd(certificate: CertificateConfig): string | undefined {
  try {
    return certificateEnd(certificate);
  } catch {
    return undefined; // whoever watches the files says so
  }
}

async function openSpool(
  { spool: place }: EdgeConfig,
  now: () => number,
  report: Report,
  onLocked: ControlServer['attach'],
): Promise<DiskSpool> {
  const { directory, minFreeBytes, quotaBytes } = place;
  const started = performance.now();
  const spool = await openDiskSpool({ directory, now, wall: Date.now, minFreeBytes, quotaBytes, onLocked });
  const { queued, failed, swept, damaged } = spool.recovered;
  report('edge.recovered', { queued, failed, swept, milliseconds: Math.round(performance.now() - started) });
  if (damaged > 0)
    report('edge.spoolError', { reason: `${damaged} damaged stretches are kept in ${directory}/damaged.` });
  return spool;
}
