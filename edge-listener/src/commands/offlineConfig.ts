import type { EdgeConfig } from '../config/configSchema.ts';
import { readConfig } from '../config/readConfig.ts';
import type { Options } from './commandLine.ts';
import { UsageError } from './commandLine.ts';

/** The configuration that `--config` names, for commands that need no key of the edge. */
export function offlineConfig(options: Options): EdgeConfig {
  const reading = readConfig(options.needed('config'), process.env, { withoutKey: true });
  if (!reading.ok) throw new UsageError(reading.problems.join('\n'));
  return reading.config;
}
