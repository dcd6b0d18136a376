/** `npm run callers -- COMMAND`: who may submit mail. Shows a new key once and keeps only its hash. */
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { callerContradictions, callersSchema } from '../wiring/callers.ts';
import { azureSettings, type CallersPlace, localSettings, ownFile } from './callersFile.ts';
import { type Callers, changeCallers, NotFound, UsageError } from './changeCallers.ts';

const HELP = `Usage: npm run callers -- COMMAND [options]     (the -- hands the options on; npm keeps them without it)

  list                  every caller with its rules and the first digits of its key hashes, oldest first
  add NAME              a new caller; prints its key, once
      --sender PATTERN      an address it may send as: *@contoso.com, scan@contoso.com or * (repeat for more)
      --recipient PATTERN   an address it may send to (repeat for more)
      --application ID      an Entra application that may call with a token; then there is no key unless --key
      --key                 a key although there is an application
      --rate N              messages a minute and instance
      --max-bytes N         bytes of one message
  rotate NAME           one more key beside the old ones; prints it, once
  revoke NAME --old     all its keys but the newest
  revoke NAME --hash H  the key whose hash starts with H
  revoke NAME --all     the caller with all its keys

Where:  local.settings.json; or --file PATH; or --app NAME --group NAME, through your az login
Output: --json

To rotate without a gap: rotate, give the new key to the caller, then revoke NAME --old.
Exit codes: 0 done, 1 it could not be done, 2 there is no such caller or key, 64 the command is wrong.`;

const OPTIONS = {
  sender: { type: 'string', multiple: true },
  recipient: { type: 'string', multiple: true },
  application: { type: 'string', multiple: true },
  key: { type: 'boolean' },
  rate: { type: 'string' },
  'max-bytes': { type: 'string' },
  old: { type: 'boolean' },
  hash: { type: 'string' },
  all: { type: 'boolean' },
  file: { type: 'string' },
  app: { type: 'string' },
  group: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Options that npm took for its own, because no `--` stood before them: the command would do something else without. */
function eatenByNpm(env: NodeJS.ProcessEnv): string[] {
  const eaten = Object.keys(OPTIONS).filter((name) => {
    const value = env[`npm_config_${name.replace('-', '_')}`];
    // These two are settings of npm itself: a certificate's key, and whether to list everything.
    return name === 'key' || name === 'all' ? value === 'true' : value && name !== 'json' && name !== 'help';
  });
  return eaten.map((name) => `--${name}`);
}

function placeOf({ app, group, file }: { app?: string; group?: string; file?: string }): CallersPlace {
  if ((app === undefined) !== (group === undefined)) throw new UsageError('--app and --group go together.');
  if (app !== undefined && file !== undefined) throw new UsageError('--file and --app are two places: take one.');
  try {
    if (app !== undefined) return azureSettings(app, group!);
    return file === undefined ? localSettings() : ownFile(file);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function parse(text: string, where: string): Callers {
  const result = callersSchema.safeParse(JSON.parse(text));
  if (!result.success) throw new UsageError(`${where}:\n${z.prettifyError(result.error)}`);
  return result.data;
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  const eaten = eatenByNpm(process.env);
  if (eaten.length > 0)
    throw new UsageError(`npm kept ${eaten.join(', ')}. Put -- before the options: npm run callers -- COMMAND …`);
  if (values.help || positionals.length === 0) return console.log(HELP);
  const { file, app, group, json, help: _, ...options } = values;
  const place = placeOf({ ...(file !== undefined && { file }), ...(app && { app }), ...(group && { group }) });
  const callers = parse(await place.read(), place.name);
  const { changed, key, said } = changeCallers(positionals, options, callers);
  if (changed) {
    const problems = callerContradictions(parse(JSON.stringify(changed), 'That would not do'), false);
    if (problems.length > 0) throw new UsageError(problems.join('\n'));
    await place.write(JSON.stringify(changed));
  }
  const effect = changed && place.effect(JSON.stringify(changed));
  if (json) return console.log(JSON.stringify(changed ? { name: positionals[1], key, effect } : callers));
  console.log(said);
  if (key) console.log(`\n  ${key}\n\nThis is the key, shown only now: ${place.name} has its hash.`);
  if (effect) console.log(effect);
}

try {
  await main();
} catch (error) {
  console.error(
    error instanceof UsageError ? `${error.message}\n"npm run callers -- --help" tells how.` : String(error),
  );
  process.exitCode = error instanceof UsageError ? 64 : error instanceof NotFound ? 2 : 1;
}
