import { Server } from 'node:net';
import type { ProgrammingModel } from './coreModule.ts';

/**
 * Asks the library for its capabilities, at which it opens the server that streams HTTP bodies, and returns that
 * server's port. The library would listen on every interface of the machine; here it is kept on loopback.
 */
export async function libraryPort(model: ProgrammingModel): Promise<number> {
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ready: () => void) {
    return listen.call(this, { port: 0, host: '127.0.0.1' }, ready);
  } as typeof listen;
  try {
    const { HttpUri } = await model.getCapabilities({
      RawHttpBodyBytes: 'true',
      RpcHttpBodyOnly: 'true',
      UseNullableValueDictionaryForHttp: 'true',
    });
    if (!HttpUri) throw new Error('The app must call app.setup({ enableHttpStream: true }).');
    return Number(new URL(HttpUri).port);
  } finally {
    Server.prototype.listen = listen;
  }
}
