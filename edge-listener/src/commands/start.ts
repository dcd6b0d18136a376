// `edge-listener start --config FILE`: runs until it is told to stop.
import v8 from 'node:v8';
import { readConfig } from '../config/readConfig.ts';
import { startEdge } from '../edge.ts';
import { createJsonReport } from '../events.ts';
import { createLogWriter } from '../logWriter.ts';
import { EXIT_CANNOT, EXIT_CONFIGURATION, EXIT_OK } from './exitCodes.ts';

/** Longest time from the first signal to the end; a second signal ends at once. */
const STOP_WITHIN_MS = 25_000;
/** How long the reader of the log has for the end of it. */
const LOG_WITHIN_MS = 2000;

/**
 * The bytes of messages lie outside the heap, which is small beside them: V8 would collect all of it for every ten
 * megabytes received, which took a third of the time of a large message. It may grow to two and a half times what lives before that.
 */
const HEAP_GROWTH = '--heap-growing-percent=150';

export async function start(configFile: string): Promise<number> {
  v8.setFlagsFromString(HEAP_GROWTH);
  const reading = readConfig(configFile, process.env);
  if (!reading.ok) {
    for (const problem of reading.problems) process.stderr.write(`${problem}\n`);
    return EXIT_CONFIGURATION;
  }
  const dropped = (lines: number) =>
    `${JSON.stringify({ time: new Date().toISOString(), event: 'edge.logDropped', lines })}\n`;
  const log = createLogWriter(process.stdout.fd, dropped);
  const report = createJsonReport(log.write);
  process.on('exit', log.flush);
  let stopped: (signal: string) => void = () => undefined;
  const signalled = new Promise<string>((resolve) => {
    stopped = resolve;
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stopped(signal);
      process.once(signal, () => process.exit(EXIT_CANNOT));
    });
  }
  process.on('uncaughtException', (error) => {
    report('edge.error', { reason: `Unexpected: ${error.stack ?? error.message}` });
    process.exit(EXIT_CANNOT); // everything promised is on disk; whoever supervises starts it anew
  });
  try {
    const edge = await startEdge(reading.config, reading.relayKey, report);
    const signal = await signalled;
    setTimeout(() => process.exit(EXIT_CANNOT), STOP_WITHIN_MS).unref();
    await edge.stop(signal);
    await log.drain(LOG_WITHIN_MS);
    return EXIT_OK;
  } catch (error) {
    process.stderr.write(`The edge cannot start: ${explain(error as NodeJS.ErrnoException)}\n`);
    return EXIT_CANNOT;
  }
}

function explain(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  if (error.code === 'EADDRINUSE') return `port ${error.port} on ${error.address} is in use by another program.`;
  if (error.code === 'EACCES' && error.port) return `this user may not listen on port ${error.port}.`;
  if (error.code === 'EADDRNOTAVAIL') return `this machine has no address ${error.address}.`;
  return error.message;
}
