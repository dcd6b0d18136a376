import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server } from 'node:net';
import type { ProgrammingModel } from './coreModule.ts';

/** The server that the library opened to stream HTTP bodies. */
export interface LibraryServer {
  readonly port: number;
  /**
   * Calls `arrived` once the library has the request of that invocation. It may only be invoked then: the library waits
   * for the request without end.
   */
  expect(invocationId: string, arrived: () => void): void;
  /** The request is given up; should it still come, the library does not get it. */
  forget(invocationId: string): void;
}

/**
 * Asks the library for its capabilities, at which it opens its server. The library would listen on every interface of the
 * machine; here it is kept on loopback.
 */
export async function openLibraryServer(model: ProgrammingModel): Promise<LibraryServer> {
  const expected = new Map<string, () => void>();
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ready: () => void) {
    const handlers = this.listeners('request');
    this.removeAllListeners('request').on('request', (request: IncomingMessage, response: ServerResponse) => {
      const id = String(request.headers['x-ms-invocation-id']);
      const arrived = expected.get(id);
      if (!arrived) return void request.destroy();
      expected.delete(id);
      for (const handle of handlers) handle.call(this, request, response);
      arrived();
    });
    return listen.call(this, { port: 0, host: '127.0.0.1' }, ready);
  } as typeof listen;
  try {
    const { HttpUri } = await model.getCapabilities({
      RawHttpBodyBytes: 'true',
      RpcHttpBodyOnly: 'true',
      UseNullableValueDictionaryForHttp: 'true',
    });
    if (!HttpUri) throw new Error('The app must call app.setup({ enableHttpStream: true }).');
    return {
      port: Number(new URL(HttpUri).port),
      expect: (id, arrived) => void expected.set(id, arrived),
      forget: (id) => void expected.delete(id),
    };
  } finally {
    Server.prototype.listen = listen;
  }
}
