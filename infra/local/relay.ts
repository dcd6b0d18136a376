/**
 * The supervisor: starts storage, sandbox, function workers and edge in the order in which they need one another, keeps
 * them running, and stops them in the opposite order. Each child has an IPC channel to this process and ends by itself,
 * in good order, when that closes: nothing is left behind however this process ends.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { azuriteConnectionString, startAzurite } from './azurite.ts';
import { type Children, createChildren } from './children.ts';
import { openDataDirectory } from './dataDirectory.ts';
import { startEdge } from './edge.ts';
import type { Flags } from './flags.ts';
import { type HttpDoor, openHttpDoor } from './httpDoor.ts';
import { checkPortFree } from './ports.ts';
import { startSandbox } from './sandbox.ts';
import { readLocalSettings } from './settings.ts';
import { prepareStorageAccount } from './storageAccount.ts';
import { startWorker } from './workers.ts';

/** Where the programs are; tests put others in their places. */
export interface RelayPrograms {
  /** Directory of the function app: host.json, package.json and the settings files. */
  readonly app: string;
  readonly sandbox: string;
  readonly edge: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAMS: RelayPrograms = {
  app: ROOT,
  sandbox: join(ROOT, 'infra/local/graph-sandbox/main.ts'),
  edge: join(ROOT, 'edge-listener/dist/edge-listener.cjs'),
};

/** The largest message where MAX_MESSAGE_BYTES does not say otherwise. */
const DEFAULT_MAX_MESSAGE_BYTES = 35_000_000;

/** A relay on this machine. */
export interface Relay {
  /** Resolves with the line for a person once mail can be sent; rejects when something cannot start. */
  start(): Promise<string>;
  /** Stops everything in order; at any time, more than once. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

/** A relay as `flags` want it; `terminal` takes the lines that a person should see. */
export function createRelay(flags: Flags, terminal: (line: string) => void, programs = PROGRAMS): Relay {
  let door: HttpDoor | undefined;
  let children: Children | undefined;
  let forgetStorage = () => {};
  let stopped: Promise<void> | undefined;
  return {
    start,
    stop() {
      stopped ??= stop();
      return stopped;
    },
    kill: () => children?.kill(),
  };

  async function start(): Promise<string> {
    const data = await openDataDirectory(flags.dataDirectory);
    const local = readLocalSettings(programs.app, process.env);
    const liveWorkers = () => children?.ready('worker').map((child) => child.process) ?? [];
    door = await openHttpDoor(flags.httpPort, liveWorkers);
    const { port: httpPort, handOver } = door;
    await checkPortFree(flags.inboxPort, '--inbox-port');
    if (flags.edge) await checkPortFree(flags.smtpPort, '--smtp-port');
    children = createChildren({ data, terminal, onChange: handOver });

    const azurite = children.keep('azurite', 'azurite', (log, before: Parameters<typeof startAzurite>[0]['before']) =>
      startAzurite({ location: data.azurite, dataDirectory: data.path, log, before }),
    );
    const sandbox = children.keep('sandbox', 'sandbox', (log, before: number | undefined) =>
      startSandbox({
        main: programs.sandbox,
        port: before ?? flags.inboxPort,
        directory: data.inbox,
        graphLimits: flags.graphLimits,
        log,
      }),
    );
    const storage = azuriteConnectionString(await azurite.ready);
    await prepareStorageAccount(storage);
    writeFileSync(data.storageConnection, `${storage}\n`, { mode: 0o600 });
    forgetStorage = () => rmSync(data.storageConnection, { force: true });
    const inboxUrl = `http://127.0.0.1:${await sandbox.ready}`;

    const settings = {
      ...local,
      // Never from a settings file: a local start shall not send real mail, or touch real storage, by accident.
      AzureWebJobsStorage: storage,
      MailStorage: storage,
      GRAPH_BASE_URL: flags.graphUrl ?? inboxUrl,
      MAX_INSTANCES: String(flags.workers),
    };
    const { adminKey } = data;
    const workers = [];
    for (let i = 0; i < flags.workers; i++)
      workers.push(
        children.keep('worker', `worker-${i + 1}`, (log) =>
          startWorker({ app: programs.app, first: i === 0, settings, adminKey, log }),
        ),
      );
    await Promise.all(workers.map(({ ready }) => ready));

    const httpUrl = `http://127.0.0.1:${httpPort}`;
    const urls = [`http=${httpUrl}`, `inbox=${inboxUrl}`];
    if (flags.edge) {
      const edge = children.keep('edge', 'edge', (log, before: number | undefined) =>
        startEdge({
          main: programs.edge,
          data,
          port: before ?? flags.smtpPort,
          functionUrl: httpUrl,
          maxMessageBytes: Number(local.MAX_MESSAGE_BYTES ?? DEFAULT_MAX_MESSAGE_BYTES),
          log,
        }),
      );
      urls.unshift(`smtp=127.0.0.1:${await edge.ready}`);
    }
    return ['relay ready', ...urls].join('  ');
  }

  async function stop(): Promise<void> {
    await children?.stop('edge');
    door?.close();
    await children?.stop('worker', (worker) => worker.process.send('stop'));
    await children?.stop('sandbox');
    await children?.stop('azurite');
    forgetStorage();
    await children?.close();
  }
}
