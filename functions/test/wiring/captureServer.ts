// Stands where Application Insights takes telemetry in: keeps every envelope that really leaves the relay's process.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { makeCertificate } from '../../../edge-listener/src/certificate.ts';

/** One record as Application Insights gets it. */
export interface Envelope {
  readonly name: string;
  readonly time: string;
  readonly iKey: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly data: {
    readonly baseType: 'EventData' | 'RequestData' | 'RemoteDependencyData' | 'MetricData' | 'MessageData';
    readonly baseData: {
      readonly id?: string;
      readonly name?: string;
      readonly success?: boolean;
      readonly duration?: string;
      readonly resultCode?: string;
      readonly metrics?: readonly { readonly name: string; readonly value: number; readonly count?: number }[];
      readonly properties?: Readonly<Record<string, string>>;
    };
  };
}

export interface CaptureServer {
  readonly envelopes: readonly Envelope[];
  /** Everything that came, inflated. */
  readonly requests: readonly { readonly headers: IncomingHttpHeaders; readonly body: string }[];
  /** Batches that the exporter has put aside because they were refused. */
  keptForLater(): Promise<number>;
  close(): Promise<void>;
}

/** Relays that are started from now on send their telemetry here. @param status what each delivery is answered with */
export async function startCaptureServer(status = 200): Promise<CaptureServer> {
  // The exporter insists on https.
  const { certificate, key } = makeCertificate({ names: ['127.0.0.1'], days: 1 });
  const directory = await mkdtemp(join(tmpdir(), 'capture-'));
  const file = join(directory, 'certificate.pem');
  await writeFile(file, certificate);
  const envelopes: Envelope[] = [];
  const requests: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer({ cert: certificate, key }, async (request, response) => {
    const body = await text(request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request);
    requests.push({ headers: request.headers, body });
    const items = request.url?.endsWith('/track') ? (JSON.parse(body) as Envelope[]) : [];
    if (status === 200) envelopes.push(...items);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ itemsReceived: items.length, itemsAccepted: items.length, errors: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  // In the environment, which counts more than settings files, of whatever this process starts until it is closed.
  const environment: Readonly<Record<string, string>> = {
    APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=${url}`,
    NODE_EXTRA_CA_CERTS: file,
    // The exporter keeps there what it could not send.
    TMPDIR: directory,
    // The exporter asks a service of Microsoft's for its settings; here nothing leaves the machine.
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1',
  };
  const before = Object.keys(environment).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, environment);
  return {
    envelopes,
    requests,
    async keptForLater() {
      const files = await readdir(directory, { recursive: true });
      return files.filter((name) => name.endsWith('.ai.json')).length;
    },
    async close() {
      if (!server.listening) return;
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      server.closeAllConnections();
      server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
