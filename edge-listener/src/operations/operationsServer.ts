// /metrics, /healthz and /readyz for monitoring on this machine.
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OperationsSource {
  readonly metrics: () => string;
  /** Why mail cannot be taken now; undefined when it can. */
  readonly notReady: () => Promise<string | undefined>;
}

export interface OperationsServer {
  readonly address: AddressInfo;
  close(): Promise<void>;
}

/** Listens on `host`:`port`. `/healthz` says that the process lives, `/readyz` that it can take mail. */
export async function startOperationsServer(
  { host, port }: { host: string; port: number },
  { metrics, notReady }: OperationsSource,
): Promise<OperationsServer> {
  const server = http.createServer((request, response) => {
    const answer = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
    if (request.method !== 'GET') return answer(405, 'Only GET is answered here.\n');
    switch (request.url?.split('?')[0]) {
      case '/metrics':
        return answer(200, metrics());
      case '/healthz':
        return answer(200, 'ok\n');
      case '/readyz':
        return notReady().then(
          (reason) => answer(reason ? 503 : 200, `${reason ?? 'ok'}\n`),
          (error: unknown) => answer(503, `${error}\n`),
        );
      default:
        return answer(404, 'There are /metrics, /healthz and /readyz.\n');
    }
  });
  server.requestTimeout = 10_000;
  server.headersTimeout = 5000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  return {
    address: server.address() as AddressInfo,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
