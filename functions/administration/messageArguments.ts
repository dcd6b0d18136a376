/** The command line of `npm run messages`: its help, its options, and what they select. */
import { parseArgs } from 'node:util';
import { MESSAGE_STATES, type MessageState } from '../contract/relayProtocol.ts';
import type { MessageFilter } from './findMessages.ts';

export const HELP = `Usage: npm run messages -- COMMAND [options]

  list                 mail that is not sent yet, newest first; with --from, --to, --device
                       or --caller sent mail too, as with --all
  find TEXT            mail whose Message-ID contains TEXT, sent or not
  show ID              all that is known of one mail
  export ID            the stored message itself, to standard output
  retry ID             send a failed mail again (a held one: --may-duplicate)
  retry --state failed [filters]   every failed mail that matches
  pause | resume       stop sending and keep accepting; go on

Filters: --state S[,S]  --from ADDRESS  --to ADDRESS  --device IP  --caller NAME
         --older-than 2h  --newer-than 3d  (m, h, d)  --limit N (default 100)
         an ADDRESS may be a whole domain: @contoso.com
Storage: --account NAME (in Azure, with your own az login; in a national cloud with
         --endpoint-suffix, such as core.usgovcloudapi.net), or in the environment
         MailStorage or MailStorage__blobServiceUri and MailStorage__queueServiceUri,
         or the local relay's: --data DIR (default .local)
Output:  --json, one object a line

Exit codes: 0 done, 1 it could not be done, 2 nothing was found, 64 the command is wrong.`;

const OPTIONS = {
  account: { type: 'string' },
  'endpoint-suffix': { type: 'string', default: 'core.windows.net' },
  data: { type: 'string', default: '.local' },
  state: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  device: { type: 'string' },
  caller: { type: 'string' },
  'older-than': { type: 'string' },
  'newer-than': { type: 'string' },
  limit: { type: 'string', default: '100' },
  all: { type: 'boolean', default: false },
  'may-duplicate': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** The command itself is wrong: exit code 64. */
export class UsageError extends Error {}

export type Values = ReturnType<typeof readArguments>['values'];

/** Reads the command line; throws a {@link UsageError} for an option that does not exist. */
export function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const UNFINISHED: readonly MessageState[] = ['accepted', 'sending', 'held', 'failed'];

/** What `list` lists. Who asks for somebody's mail means sent mail too. */
export function listFilter(values: Values): MessageFilter {
  const { all, from, to, device, caller } = values;
  return { ...(!(all || from || to || device || caller) && { states: UNFINISHED }), ...readFilter(values) };
}

/** The filter that the options make. */
export function readFilter(values: Values): MessageFilter {
  const states = values.state?.split(',').map((state) => {
    if (!MESSAGE_STATES.includes(state as MessageState))
      throw new UsageError(`--state: ${state} is none of ${MESSAGE_STATES.join(', ')}.`);
    return state as MessageState;
  });
  return {
    ...(states && { states }),
    ...(values.from && { from: values.from }),
    ...(values.to && { to: values.to }),
    ...(values.device && { device: values.device }),
    ...(values.caller && { caller: values.caller }),
    ...(values['older-than'] && { olderThanMs: readSpan('older-than', values['older-than']) }),
    ...(values['newer-than'] && { newerThanMs: readSpan('newer-than', values['newer-than']) }),
  };
}

const UNITS: Record<string, number> = { m: 60_000, h: 3600_000, d: 24 * 3600_000 };

function readSpan(name: string, text: string): number {
  const [, number, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (!number) throw new UsageError(`--${name}: ${text} is not a span such as 30m, 2h or 3d.`);
  return Number(number) * UNITS[unit!]!;
}

/** The value of `--name`, a number from 1 up. */
export function readNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--${name}: ${text} is not a number from 1 up.`);
  return Number(text);
}

/** The argument of a command; throws a {@link UsageError} that names `what` where it is missing. */
export function needed(argument: string | undefined, what: string): string {
  if (!argument) throw new UsageError(`${what}: it is missing.`);
  return argument;
}
