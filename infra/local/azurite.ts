import { createRequire } from 'node:module';
import type { ChildLog } from './childLog.ts';
import { type Child, startChild } from './childProcess.ts';
import { childGuard } from './guardedChild.ts';

/** The account name and key that every Azurite has; they are public and open nothing else. */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Where Azurite listens. */
export interface AzuritePorts {
  readonly blob: number;
  readonly queue: number;
}

/** The connection string of an Azurite. */
export function azuriteConnectionString({ blob, queue }: AzuritePorts): string {
  const endpoint = (port: number) => `http://127.0.0.1:${port}/${ACCOUNT}`;
  return `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};BlobEndpoint=${endpoint(blob)};QueueEndpoint=${endpoint(queue)};`;
}

/** Starts Azurite, Microsoft's storage emulator, on free ports or on those it had before. */
export function startAzurite(options: {
  readonly location: string;
  readonly dataDirectory: string;
  readonly log: ChildLog;
  readonly before: AzuritePorts | undefined;
}): Child<AzuritePorts> {
  const { location, dataDirectory, log, before } = options;
  const guard = childGuard(dataDirectory, 'azurite');
  const found: { blob?: number; queue?: number } = {};
  return startChild<AzuritePorts>({
    name: 'Azurite',
    args: [
      ...guard.args,
      createRequire(import.meta.url).resolve('azurite/dist/src/azurite.js'),
      ...['--location', location, '--silent', '--disableTelemetry'],
      // The SDKs speak a newer version of the storage API than Azurite knows, and need nothing new of it.
      '--skipApiVersionCheck',
      ...['--blobPort', String(before?.blob ?? 0), '--queuePort', String(before?.queue ?? 0), '--tablePort', '0'],
    ],
    env: { ...process.env, ...guard.env },
    log,
    readReady(sign) {
      const said = 'line' in sign && /^Azurite (\w+) service is successfully listening at .*:(\d+)$/.exec(sign.line);
      if (!said) return undefined;
      if (said[1] === 'Blob') found.blob = Number(said[2]);
      if (said[1] === 'Queue') found.queue = Number(said[2]);
      const { blob, queue } = found;
      return blob !== undefined && queue !== undefined ? { blob, queue } : undefined;
    },
  });
}
