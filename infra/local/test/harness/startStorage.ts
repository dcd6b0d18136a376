import { join } from 'node:path';
import { azuriteConnectionString, startAzurite } from '../../azurite.ts';
import { openChildLog } from '../../childLog.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

/** An Azurite of the test's own; `await using` or `stop` ends it and removes its data. */
export async function startStorage(): Promise<{ connectionString: string; stop(): Promise<void> } & AsyncDisposable> {
  const { path, remove } = await temporaryDirectory();
  const log = openChildLog(path, 'azurite', (line) => process.stderr.write(`${line}\n`));
  const location = join(path, 'azurite');
  const azurite = startAzurite({ location, dataDirectory: path, log, before: undefined });
  const connectionString = azuriteConnectionString(await azurite.ready);
  const stop = async () => {
    await azurite.stop(10_000);
    await log.close();
    await remove();
  };
  return { connectionString, stop, [Symbol.asyncDispose]: stop };
}
