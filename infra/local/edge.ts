import { writeFileSync } from 'node:fs';
import type { ChildLog } from './childLog.ts';
import { type Child, startChild } from './childProcess.ts';
import type { DataDirectory } from './dataDirectory.ts';
import { childGuard } from './guardedChild.ts';

/** The key of the local caller; `CALLERS` in local.settings.sample.json holds its hash. */
export const LOCAL_KEY = 'local-dev-key';

/** What a person must see of the edge: mail that is refused, stuck or given up, and trouble of its own. */
const LOUD_EVENTS = new Set([
  'edge.refusedConnection',
  'edge.rejected',
  'edge.retrying',
  'edge.failed',
  'edge.spoolError',
  'edge.error',
]);

export interface EdgeOptions {
  /** The bundled edge listener. */
  readonly main: string;
  readonly data: DataDirectory;
  readonly port: number;
  /** Base URL of the function app. */
  readonly functionUrl: string;
  readonly maxMessageBytes: number;
  readonly log: ChildLog;
}

/** Starts the edge listener for clients on this machine, without limits; it says its SMTP port. */
export function startEdge({ main, data, port, functionUrl, maxMessageBytes, log }: EdgeOptions): Child<number> {
  const guard = childGuard(data.path, 'edge');
  const configuration = {
    name: 'local',
    spool: { directory: data.spool },
    relay: { url: functionUrl, keyVariable: 'RELAY_KEY' },
    maxMessageBytes,
    listeners: [{ host: '127.0.0.1', port, clients: ['127.0.0.0/8', '::1/128'] }],
    limits: { connectionsPerAddress: 0 },
  };
  // JSON is YAML, too.
  writeFileSync(data.edgeConfiguration, `${JSON.stringify(configuration, null, 2)}\n`);
  return startChild<number>({
    name: 'The edge listener',
    args: [...guard.args, main, 'start', '--config', data.edgeConfiguration],
    env: { ...process.env, ...guard.env, RELAY_KEY: LOCAL_KEY },
    log,
    isLoud: (line) => LOUD_EVENTS.has(String(readEvent(line)?.event)),
    readReady(sign) {
      const said = 'line' in sign ? readEvent(sign.line) : undefined;
      return said?.event === 'edge.listening' && typeof said.port === 'number' ? said.port : undefined;
    },
  });
}

function readEvent(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    // Not one of its events: a line of some other origin.
    return undefined;
  }
}
