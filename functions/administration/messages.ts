/** `npm run messages -- COMMAND`: what an administrator with access to the mail's storage can see and do. */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { isMessageId } from '../contract/messageId.ts';
import { MESSAGE_STATES, type MessageState } from '../contract/relayProtocol.ts';
import { Refusal } from '../intake/problems.ts';
import { retryMessage } from '../intake/retryMessage.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import { findById, findMessages, type MessageFilter } from './findMessages.ts';
import { openStore } from './openStore.ts';

const HELP = `Usage: npm run messages -- COMMAND [options]

  list                 mail that is not sent yet (all: with --state sent, or --all)
  find TEXT            mail whose Message-ID contains TEXT, sent or not
  show ID              all that is known of one mail
  export ID            the stored message itself, to standard output
  retry ID             send a failed mail again (a held one: --may-duplicate)
  retry --state failed [filters]   every failed mail that matches
  pause | resume       stop sending and keep accepting; go on

Filters: --state S[,S]  --from ADDRESS  --to ADDRESS  --device IP  --caller NAME
         --older-than 2h  --newer-than 3d  (m, h, d)  --limit N (default 100)
         an ADDRESS may be a whole domain: @contoso.com
Storage: --account NAME (in Azure, with your own az login), or MailStorage in the
         environment, or the local relay's: --data DIR (default .local)
Output:  --json, one object a line

Exit codes: 0 done, 1 it could not be done, 2 nothing was found, 64 the command is wrong.`;

const OPTIONS = {
  account: { type: 'string' },
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

const COMMANDS = ['list', 'find', 'show', 'export', 'retry', 'pause', 'resume'];

class UsageError extends Error {}

type Values = ReturnType<typeof readArguments>['values'];
type Storage = Awaited<ReturnType<typeof openStore>>;

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  const [command, argument] = positionals;
  if (values.help || !command) {
    console.log(HELP);
    return command || values.help ? 0 : 64;
  }
  if (!COMMANDS.includes(command)) throw new UsageError(`There is no command ${command}.`);
  const filter = readFilter(values);
  const limit = readNumber('limit', values.limit);
  const storage = await openStore(values);
  switch (command) {
    case 'list':
      return list(storage, { states: values.all ? [...MESSAGE_STATES] : unfinished, ...filter }, limit, values.json);
    case 'find':
      return list(storage, { ...filter, messageId: needed(argument, 'find TEXT') }, limit, values.json);
    case 'show':
      return show(await one(storage, argument), values.json);
    case 'export':
      return exportMessage(storage, await one(storage, argument));
    case 'retry':
      return retry(storage, argument, filter, values);
    default:
      await storage.store.setPaused(command === 'pause');
      console.log(command === 'pause' ? 'Paused: mail is accepted and kept, nothing is sent.' : 'Resumed.');
      return 0;
  }
}

const unfinished: MessageState[] = ['accepted', 'sending', 'held', 'failed'];

async function list({ store }: Storage, filter: MessageFilter, limit: number, json: boolean): Promise<number> {
  let count = 0;
  for await (const record of findMessages(store, filter)) {
    if (count++ === limit) {
      console.error(`There are more than ${limit}; --limit N shows more.`);
      break;
    }
    console.log(json ? JSON.stringify(record) : line(record));
  }
  if (count === 0) console.error('No mail matches.');
  return count === 0 ? 2 : 0;
}

function line({ id, state, acceptedAt, attempts, mailbox, to, reason, due }: MessageStateRecord): string {
  const recipients = to.length > 2 ? `${to[0]} and ${to.length - 1} more` : to.join(', ');
  const next = state === 'accepted' && attempts > 0 ? `  next ${due}` : '';
  return `${id}  ${state.padEnd(8)}  ${acceptedAt}  ${mailbox} -> ${recipients}  tries ${attempts}${next}${reason ? `\n    ${reason}` : ''}`;
}

function show(record: MessageStateRecord, json: boolean): number {
  if (json) console.log(JSON.stringify(record));
  else for (const [name, value] of Object.entries(record)) console.log(`${name.padEnd(15)} ${shown(value)}`);
  return 0;
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '-');
}

async function exportMessage({ store }: Storage, record: MessageStateRecord): Promise<number> {
  const body = await store.openBody(record);
  if (!body) throw new Error(`The body of ${record.id} is not kept: the mail is ${record.state}.`);
  for await (const chunk of body) if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  return 0;
}

async function retry(storage: Storage, id: string | undefined, filter: MessageFilter, values: Values): Promise<number> {
  const mayDuplicate = values['may-duplicate'];
  if (id) {
    await retryMessage(storage, await one(storage, id), mayDuplicate);
    console.log(`${id} will be sent again.`);
    return 0;
  }
  if (!filter.states) throw new UsageError('retry needs an ID, or --state failed (or held) and filters.');
  let [retried, refused] = [0, 0];
  for await (const record of findMessages(storage.store, filter)) {
    try {
      await retryMessage(storage, record, mayDuplicate);
      retried++;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      console.error(error.message);
      refused++;
    }
  }
  console.log(`${retried} will be sent again${refused > 0 ? `, ${refused} were refused` : ''}.`);
  return refused > 0 ? 1 : retried === 0 ? 2 : 0;
}

async function one({ store }: Storage, id: string | undefined): Promise<MessageStateRecord> {
  const wanted = needed(id, 'an ID');
  if (!isMessageId(wanted)) throw new UsageError(`${wanted} is not an id (a lower-case UUID).`);
  const found = await findById(store, wanted);
  if (found.length > 1)
    throw new Error(`${wanted} is the id of a mail of each of: ${found.map(({ caller }) => caller).join(', ')}.`);
  if (!found[0]) throw new Error(`There is no mail ${wanted}. Receipts of sent mail are kept for 35 days.`);
  return found[0];
}

function readFilter(values: Values): MessageFilter {
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

function readNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--${name}: ${text} is not a number from 1 up.`);
  return Number(text);
}

function needed(argument: string | undefined, what: string): string {
  if (!argument) throw new UsageError(`${what}: it is missing.`);
  return argument;
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError;
  console.error(usage ? `${(error as Error).message} (--help shows how it is used)` : (error as Error).message);
  process.exitCode = usage ? 64 : 1;
}
