// `edge-listener schema`: the JSON Schema of the configuration, for editors.
import { z } from 'zod';
import { configSchema } from '../config/configSchema.ts';
import { EXIT_OK } from './exitCodes.ts';

/** JSON Schema (draft 2020-12) of the configuration file. */
export function configJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(configSchema, { io: 'input' }), null, 2)}\n`;
}

export async function schema(): Promise<number> {
  process.stdout.write(configJsonSchema());
  return EXIT_OK;
}
