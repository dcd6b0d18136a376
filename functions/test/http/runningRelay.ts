// The relay without its edge, as `npm start` runs it, for tests that speak HTTP to it: the built app, on free ports, with
// settings of the test's own.
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { azuriteConnectionString } from '../../../infra/local/azurite.ts';
import { createRelay } from '../../../infra/local/relay.ts';
import { createBlobMessageStore, type MessageStore } from '../../storage/messageStore.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** The key of the caller `local`, who may do everything. */
export const LOCAL_KEY = 'local-dev-key';

export interface RunningRelay {
  /** Base URL of the function app. */
  readonly url: string;
  /** Base URL of the Graph sandbox. */
  readonly inbox: string;
  /** The mail account, behind the relay's back. */
  readonly blobs: BlobServiceClient;
  readonly store: MessageStore;
  readonly queues: QueueServiceClient;
  /** What the first worker has logged. */
  workerLog(): Promise<string>;
  /** Process ids of the function workers. */
  workers(): Promise<readonly number[]>;
  stop(): Promise<void>;
}

/** @param settings over those of `local.settings.sample.json` */
export async function startRelay(settings: Readonly<Record<string, string>> = {}, workers = 1): Promise<RunningRelay> {
  const directory = await mkdtemp(join(tmpdir(), 'relay-http-'));
  const [app, data] = [join(directory, 'app'), join(directory, 'data')];
  await mkdir(app);
  await symlink(join(ROOT, 'dist'), join(app, 'dist'));
  for (const file of ['package.json', 'host.json', 'local.settings.sample.json'])
    await copyFile(join(ROOT, file), join(app, file));
  await writeFile(join(app, 'local.settings.json'), JSON.stringify({ Values: settings }));
  const said: string[] = [];
  const relay = createRelay(
    {
      smtpPort: 0,
      httpPort: 0,
      inboxPort: 0,
      dataDirectory: data,
      workers,
      graphUrl: undefined,
      edge: false,
      graphLimits: false,
    },
    (line) => said.push(line),
    { app, sandbox: join(ROOT, 'infra/local/graph-sandbox/main.ts'), edge: '' },
  );
  const stop = async () => {
    await relay.stop();
    await rm(directory, { recursive: true, force: true });
  };
  const ready = await relay.start().catch(async (error: unknown) => {
    await stop();
    throw new Error(`The relay does not start: ${said.join('\n')}`, { cause: error });
  });
  const part = (name: string) => new RegExp(` ${name}=(\\S+)`).exec(ready)![1]!;
  const storage = await storageOf(join(data, 'logs', 'azurite.log'));
  const blobs = BlobServiceClient.fromConnectionString(storage);
  return {
    url: part('http'),
    inbox: part('inbox'),
    blobs,
    store: createBlobMessageStore(blobs),
    queues: QueueServiceClient.fromConnectionString(storage),
    workerLog: () => readFile(join(data, 'logs', 'worker-1.log'), 'utf8'),
    workers: async () => JSON.parse(await readFile(join(data, 'pids.json'), 'utf8')).workers,
    stop,
  };
}

/** Azurite says in its log where it listens. */
async function storageOf(log: string): Promise<string> {
  const lines = await readFile(log, 'utf8');
  const port = (service: string) =>
    Number(new RegExp(`Azurite ${service} service is successfully listening at \\S+:(\\d+)`).exec(lines)![1]);
  return azuriteConnectionString({ blob: port('Blob'), queue: port('Queue') });
}
