import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from './startError.ts';

/** App settings by name. */
export type Settings = Readonly<Record<string, string>>;

/**
 * The settings of a local start: `local.settings.sample.json`, over it `local.settings.json` where it exists, over both
 * the environment.
 */
export function readLocalSettings(appDirectory: string, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...readValues(join(appDirectory, 'local.settings.sample.json')),
    ...readValues(join(appDirectory, 'local.settings.json')),
    ...environment,
  };
}

/** The "Values" of a settings file, the form Azure's own tools use. */
function readValues(path: string): Settings {
  if (!existsSync(path)) return {};
  let file: unknown;
  try {
    file = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new StartError(`${path} is not valid JSON: ${(error as Error).message}`);
  }
  const values = (file as { Values?: unknown } | null)?.Values ?? {};
  for (const [name, value] of Object.entries(values))
    if (typeof value !== 'string') throw new StartError(`${path}: the value of ${name} must be a string.`);
  return values as Settings;
}
