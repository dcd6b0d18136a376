/** What the commands of `npm run callers` do to the callers: pure, so that nothing is written before all of it is right. */
import { createHash, randomBytes } from 'node:crypto';
import type { CallerRules } from '../wiring/callers.ts';

/** The command is wrong; nothing was done. */
export class UsageError extends Error {}
/** There is no such caller or key; nothing was done. */
export class NotFound extends Error {}

/** The callers by name. */
export type Callers = Readonly<Record<string, CallerRules>>;

/** What the options of a command say, as they were typed. */
export interface CommandOptions {
  readonly sender?: readonly string[] | undefined;
  readonly recipient?: readonly string[] | undefined;
  readonly application?: readonly string[] | undefined;
  readonly key?: boolean | undefined;
  readonly rate?: string | undefined;
  readonly 'max-bytes'?: string | undefined;
  readonly old?: boolean | undefined;
  readonly hash?: string | undefined;
  readonly all?: boolean | undefined;
}

/** What a command came to: the callers as they are to be kept, if they changed, a new key, and what to say. */
export interface Change {
  readonly changed?: Callers;
  readonly key?: string;
  readonly said: string;
}

type Command = (name: string, options: CommandOptions, callers: Callers) => Change;

/** Every command, and the options that it takes besides those that say where the callers are kept. */
const COMMANDS: Readonly<Record<string, { run: Command; takes: readonly (keyof CommandOptions)[] }>> = {
  list: { run: (_name, _options, callers) => ({ said: list(callers) }), takes: [] },
  add: { run: add, takes: ['sender', 'recipient', 'application', 'key', 'rate', 'max-bytes'] },
  rotate: { run: rotate, takes: [] },
  revoke: { run: revoke, takes: ['old', 'hash', 'all'] },
};
const COMMAND_OPTIONS = [...new Set(Object.values(COMMANDS).flatMap(({ takes }) => takes))];

/** Runs a command; throws {@link UsageError} or {@link NotFound} where it cannot be meant so. */
export function changeCallers(words: readonly string[], options: CommandOptions, callers: Callers): Change {
  const [command = '', name = '', ...rest] = words;
  const known = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!known || rest.length > 0 || (command === 'list' && name))
    throw new UsageError(`There is no command "${words.join(' ')}".`);
  if (command !== 'list' && !name) throw new UsageError(`${command} needs the NAME of a caller.`);
  const foreign = COMMAND_OPTIONS.filter((option) => options[option] !== undefined && !known.takes.includes(option));
  if (foreign.length > 0) throw new UsageError(`${command} does not take --${foreign.join(', --')}.`);
  return known.run(name, options, callers);
}

function add(name: string, options: CommandOptions, callers: Callers): Change {
  if (Object.hasOwn(callers, name)) throw new UsageError(`${name} exists. Rotate its key, or revoke it first.`);
  const { sender: senders = [], recipient: recipients = [], application: applicationIds = [] } = options;
  if (senders.length === 0 || recipients.length === 0)
    throw new UsageError('A caller sends nothing without at least one --sender and one --recipient.');
  const made = applicationIds.length === 0 || options.key ? newKey() : undefined;
  const rules: CallerRules = {
    keyHashes: made ? [made.hash] : [],
    applicationIds: [...applicationIds],
    senders: [...senders],
    recipients: [...recipients],
    ...(options.rate !== undefined && { messagesPerMinute: Number(options.rate) }),
    ...(options['max-bytes'] !== undefined && { maxMessageBytes: Number(options['max-bytes']) }),
  };
  return { changed: { ...callers, [name]: rules }, ...(made && { key: made.key }), said: `${name} is a caller now.` };
}

function rotate(name: string, _options: CommandOptions, callers: Callers): Change {
  const caller = callerNamed(name, callers);
  const { key, hash } = newKey();
  const keyHashes = [...caller.keyHashes, hash];
  return {
    changed: { ...callers, [name]: { ...caller, keyHashes } },
    key,
    said: `${name} has ${keyHashes.length} keys now; the old ones still work.`,
  };
}

function revoke(name: string, { old, hash, all }: CommandOptions, callers: Callers): Change {
  const caller = callerNamed(name, callers);
  if ([old, hash, all].filter((option) => option !== undefined).length !== 1)
    throw new UsageError(
      'Say what to revoke: --old (all keys but the newest), --hash H (one key) or --all (the caller).',
    );
  if (all) {
    const { [name]: _, ...others } = callers;
    return { changed: others, said: `${name} is no caller any more. Its mail that was accepted is still sent.` };
  }
  const gone = old ? caller.keyHashes.slice(0, -1) : [keyStarting(hash!, name, caller)];
  if (gone.length === 0) throw new NotFound(`${name} has no such key.`);
  const keyHashes = caller.keyHashes.filter((known) => !gone.includes(known));
  if (keyHashes.length === 0 && caller.applicationIds.length === 0)
    throw new UsageError(`That is the only key of ${name}. Rotate it first, or revoke the caller with --all.`);
  return {
    changed: { ...callers, [name]: { ...caller, keyHashes } },
    said: `${gone.length} of the keys of ${name} count no more; ${keyHashes.length} left.`,
  };
}

function callerNamed(name: string, callers: Callers): CallerRules {
  if (Object.hasOwn(callers, name)) return callers[name]!;
  throw new NotFound(`There is no caller ${name}.`);
}

function keyStarting(hash: string, name: string, caller: CallerRules): string {
  if (!/^[0-9a-f]{4,64}$/.test(hash)) throw new UsageError('--hash takes the first digits of a hash, 4 or more.');
  const found = caller.keyHashes.filter((known) => known.startsWith(hash));
  if (found.length > 1) throw new UsageError(`${found.length} keys of ${name} start with ${hash}.`);
  if (!found[0]) throw new NotFound(`${name} has no such key.`);
  return found[0];
}

/** 256 random bits; a plain hash of it is as good as a slow one. The prefix lets secret scanners find lost ones. */
function newKey(): { key: string; hash: string } {
  const key = `relay_${randomBytes(32).toString('base64url')}`;
  return { key, hash: createHash('sha256').update(key).digest('hex') };
}

function list(callers: Callers): string {
  const lines = Object.entries(callers).map(([name, caller]) => {
    const { keyHashes, applicationIds, senders, recipients, messagesPerMinute, maxMessageBytes } = caller;
    const order = keyHashes.length > 1 ? ' (oldest first)' : '';
    const facts = [
      `keys ${keyHashes.map((hash) => hash.slice(0, 8)).join(' ') || 'none'}${order}`,
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
