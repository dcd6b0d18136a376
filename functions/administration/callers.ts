/** `npm run callers -- COMMAND`: who may submit mail. Shows a new key once and keeps only its hash. */
import { createHash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type CallerRules, callersSchema } from '../wiring/callers.ts';
import { azureSettings, localSettings, ownFile } from './callersFile.ts';

const HELP = `Usage: npm run callers -- COMMAND [options]

  list                  every caller with its rules and the first digits of its key hashes
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
  revoke NAME           the caller with all its keys

Where:  local.settings.json; or --file PATH; or --app NAME --group NAME, through your az login
Output: --json

To rotate without a gap: rotate, give the new key to the caller, then revoke NAME --old.
Exit codes: 0 done, 1 it could not be done, 2 there is no such caller or key, 64 the command is wrong.`;

const OPTIONS = {
  sender: { type: 'string', multiple: true },
  recipient: { type: 'string', multiple: true },
  application: { type: 'string', multiple: true },
  key: { type: 'boolean', default: false },
  rate: { type: 'string' },
  'max-bytes': { type: 'string' },
  old: { type: 'boolean', default: false },
  hash: { type: 'string' },
  file: { type: 'string' },
  app: { type: 'string' },
  group: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

class UsageError extends Error {}
class NotFound extends Error {}

type Callers = Record<string, CallerRules>;
type Values = ReturnType<typeof readArguments>['values'];

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** What a command came to: the callers as they are to be kept, if they changed, and what to say. */
interface Result {
  readonly changed?: Callers;
  readonly key?: string;
  readonly said: string;
}

function run(command: string, name: string | undefined, values: Values, callers: Callers): Result {
  if (command === 'list') return { said: list(callers) };
  if (!name) throw new UsageError(`${command} needs the NAME of a caller.`);
  if (command === 'add') return add(name, values, callers);
  const caller = callers[name];
  if (!caller) throw new NotFound(`There is no caller ${name}.`);
  if (command === 'rotate') {
    const { key, hash } = newKey();
    const changed = { ...callers, [name]: { ...caller, keyHashes: [...caller.keyHashes, hash] } };
    return { changed, key, said: `${name} has ${caller.keyHashes.length + 1} keys now; the old ones still work.` };
  }
  return revoke(name, values, callers, caller);
}

function add(name: string, values: Values, callers: Callers): Result {
  if (callers[name]) throw new UsageError(`${name} exists. Rotate its key, or revoke it first.`);
  const { sender: senders = [], recipient: recipients = [], application: applicationIds = [] } = values;
  if (senders.length === 0 || recipients.length === 0)
    throw new UsageError('A caller sends nothing without at least one --sender and one --recipient.');
  const made = applicationIds.length === 0 || values.key ? newKey() : undefined;
  const rules: CallerRules = {
    keyHashes: made ? [made.hash] : [],
    applicationIds,
    senders,
    recipients,
    ...(values.rate !== undefined && { messagesPerMinute: Number(values.rate) }),
    ...(values['max-bytes'] !== undefined && { maxMessageBytes: Number(values['max-bytes']) }),
  };
  return { changed: { ...callers, [name]: rules }, ...(made && { key: made.key }), said: `${name} is a caller now.` };
}

function revoke(name: string, { old, hash }: Values, callers: Callers, caller: CallerRules): Result {
  if (!old && hash === undefined) {
    const { [name]: _, ...others } = callers;
    return { changed: others, said: `${name} is no caller any more. Its mail that was accepted is still sent.` };
  }
  const gone = old ? caller.keyHashes.slice(0, -1) : caller.keyHashes.filter((known) => known.startsWith(hash!));
  if (gone.length === 0) throw new NotFound(`${name} has no such key.`);
  if (hash !== undefined && gone.length > 1) throw new UsageError(`${gone.length} keys of ${name} start with ${hash}.`);
  const keyHashes = caller.keyHashes.filter((known) => !gone.includes(known));
  return {
    changed: { ...callers, [name]: { ...caller, keyHashes } },
    said: `${gone.length} of the keys of ${name} count no more; ${keyHashes.length} left.`,
  };
}

/** 256 random bits; a plain hash of it is as good as a slow one. The prefix lets secret scanners find lost ones. */
function newKey(): { key: string; hash: string } {
  const key = `relay_${randomBytes(32).toString('base64url')}`;
  return { key, hash: createHash('sha256').update(key).digest('hex') };
}

function list(callers: Callers): string {
  const lines = Object.entries(callers).map(([name, caller]) => {
    const { keyHashes, applicationIds, senders, recipients, messagesPerMinute, maxMessageBytes } = caller;
    const facts = [
      `keys ${keyHashes.map((hash) => hash.slice(0, 8)).join(' ') || 'none'}`,
      ...(applicationIds.length > 0 ? [`applications ${applicationIds.join(' ')}`] : []),
      `sends as ${senders.join(' ') || 'nobody'}`,
      `to ${recipients.join(' ') || 'nobody'}`,
      ...(messagesPerMinute ? [`${messagesPerMinute} a minute`] : []),
      ...(maxMessageBytes ? [`${maxMessageBytes} bytes`] : []),
    ];
    return `${name}: ${facts.join(' · ')}`;
  });
  return lines.join('\n') || 'There are no callers.';
}

function parse(text: string, where: string): Callers {
  const result = callersSchema.safeParse(JSON.parse(text));
  if (!result.success) throw new UsageError(`${where}:\n${z.prettifyError(result.error)}`);
  return result.data;
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  const [command, name, ...rest] = positionals;
  if (values.help || !command) return console.log(HELP);
  if (!['list', 'add', 'rotate', 'revoke'].includes(command) || rest.length > 0)
    throw new UsageError(`There is no command "${positionals.join(' ')}".`);
  if (!values.app !== !values.group) throw new UsageError('--app and --group go together.');
  const place = values.app
    ? azureSettings(values.app, values.group!)
    : values.file
      ? ownFile(values.file)
      : localSettings();
  const callers = parse(await place.read(), place.name);
  const { changed, key, said } = run(command, name, values, callers);
  if (changed) {
    parse(JSON.stringify(changed), 'That would not do');
    await place.write(JSON.stringify(changed));
  }
  if (values.json) return console.log(JSON.stringify(changed ? { name, key } : callers));
  console.log(said);
  if (key) console.log(`\n  ${key}\n\nThis is the key, shown only now: ${place.name} has its hash.`);
  if (changed) console.log(place.effect);
}

try {
  await main();
} catch (error) {
  console.error(
    error instanceof UsageError ? `${error.message}\n"npm run callers -- --help" tells how.` : String(error),
  );
  process.exitCode = error instanceof UsageError ? 64 : error instanceof NotFound ? 2 : 1;
}
