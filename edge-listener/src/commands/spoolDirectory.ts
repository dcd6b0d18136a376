import { readConfig } from '../config/readConfig.ts';
import type { Options } from './commandLine.ts';
import { UsageError } from './commandLine.ts';

/** The spool of the configuration that `--config` names. The key of the edge is not needed for it. */
export function spoolDirectory(options: Options): string {
  const reading = readConfig(options.needed('config'), process.env, { withoutKey: true });
  if (!reading.ok) throw new UsageError(reading.problems.join('\n'));
  return reading.config.spool.directory;
}
