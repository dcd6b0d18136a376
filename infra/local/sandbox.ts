import type { ChildLog } from './childLog.ts';
import { type Child, startChild } from './childProcess.ts';

/** Starts the Graph sandbox with the web inbox; it says its port. */
export function startSandbox(options: {
  readonly main: string;
  readonly port: number;
  readonly directory: string;
  /** Whether it enforces Graph's real limits. */
  readonly graphLimits: boolean;
  readonly log: ChildLog;
}): Child<number> {
  const { main, port, directory, graphLimits, log } = options;
  return startChild<number>({
    name: 'The Graph sandbox',
    args: [main, '--port', String(port), '--data', directory, ...(graphLimits ? ['--graph-limits'] : [])],
    env: process.env,
    log,
    readReady(sign) {
      const said = 'message' in sign ? (sign.message as { type?: unknown; port?: unknown } | null) : null;
      return said?.type === 'listening' && typeof said.port === 'number' ? said.port : undefined;
    },
  });
}
