/** `npm run messages -- COMMAND`: what an administrator with access to the mail's storage can see and do. */
import { once } from 'node:events';
import { isMessageId } from '../contract/messageId.ts';
import { Refusal } from '../intake/problems.ts';
import { retryMessage } from '../intake/retryMessage.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { MessageKey } from '../storage/messageStore.ts';
import { describeMessage, lineOf } from './describeMessage.ts';
import { findById, findMessages, type MessageFilter, newest, unreadableInWords } from './findMessages.ts';
import {
  HELP,
  listFilter,
  needed,
  readArguments,
  readFilter,
  readNumber,
  UsageError,
  type Values,
} from './messageArguments.ts';
import type { openStore } from './openStore.ts';

/** Every command, and whether it takes an argument. */
const COMMANDS: Readonly<Record<string, boolean>> = {
  list: false,
  find: true,
  show: true,
  export: true,
  retry: true,
  pause: false,
  resume: false,
};

type Storage = Awaited<ReturnType<typeof openStore>>;

/** What was asked for is not there: exit code 2. */
class NothingFound extends Error {}

async function main(): Promise<number> {
  const { values, positionals } = readArguments(process.argv.slice(2));
  const [command, argument, ...more] = positionals;
  if (values.help || !command) {
    console.log(HELP);
    return values.help ? 0 : 64;
  }
  if (!Object.hasOwn(COMMANDS, command)) throw new UsageError(`There is no command ${command}.`);
  const tooMany = COMMANDS[command] ? more[0] : argument;
  if (tooMany !== undefined) throw new UsageError(`${command} has nothing to do with ${tooMany}.`);
  const filter = command === 'list' ? listFilter(values) : readFilter(values);
  const limit = readNumber('limit', values.limit);
  if (command === 'find') needed(argument, 'find TEXT');
  else if (COMMANDS[command] && !(command === 'retry' && filter.states)) readId(argument);
  // Only now: the SDK takes its time to load, and a wrong command is told at once.
  const { openStore } = await import('./openStore.ts');
  const storage = await openStore({ ...values, endpointSuffix: values['endpoint-suffix'] });
  switch (command) {
    case 'list':
      return list(storage, filter, limit, values.json);
    case 'find':
      return list(storage, { ...filter, messageId: argument! }, limit, values.json);
    case 'show': {
      const record = await one(storage, argument, values);
      console.log(values.json ? JSON.stringify(record) : describeMessage(record));
      return 0;
    }
    case 'export':
      return exportMessage(storage, await one(storage, argument, values));
    case 'retry':
      return argument ? retryOne(storage, argument, values) : retryAll(storage, filter, values);
    default:
      await storage.store.setPaused(command === 'pause');
      console.log(command === 'pause' ? 'Paused: mail is accepted and kept, nothing is sent.' : 'Resumed.');
      return 0;
  }
}

async function list({ store }: Storage, filter: MessageFilter, limit: number, json: boolean): Promise<number> {
  const unreadable = countUnreadable();
  const { records, count } = await newest(findMessages(store, filter, unreadable.note), limit);
  for (const record of records) console.log(json ? JSON.stringify(record) : lineOf(record));
  if (count > limit) console.error(`These are the newest ${limit} of ${count}; --limit N shows more.`);
  if (count === 0) console.error('No mail matches.');
  if (filter.states && !filter.states.includes('sent')) console.error('Sent mail is not among it: --all shows it too.');
  return unreadable.count() > 0 ? 1 : count === 0 ? 2 : 0;
}

async function exportMessage({ store }: Storage, record: MessageStateRecord): Promise<number> {
  const body = await store.openBody(record);
  if (!body) throw new Error(`The body of ${record.id} is not kept: the mail is ${record.state}.`);
  for await (const chunk of body) if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  return 0;
}

async function retryOne(storage: Storage, id: string, values: Values): Promise<number> {
  await sendAgain(storage, await one(storage, id, values), values);
  console.log(`${id} will be sent again.`);
  return 0;
}

async function retryAll(storage: Storage, filter: MessageFilter, values: Values): Promise<number> {
  const unreadable = countUnreadable();
  let [retried, refused] = [0, 0];
  for await (const record of findMessages(storage.store, filter, unreadable.note)) {
    try {
      await sendAgain(storage, record, values);
      retried++;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      console.error(error.message);
      refused++;
    }
  }
  console.log(`${retried} will be sent again${refused > 0 ? `, ${refused} were refused` : ''}.`);
  return refused + unreadable.count() > 0 ? 1 : retried === 0 ? 2 : 0;
}

async function sendAgain(storage: Storage, record: MessageStateRecord, values: Values): Promise<void> {
  const mayDuplicate = values['may-duplicate'];
  if (record.state === 'held' && !mayDuplicate)
    throw new Refusal(
      'conflict',
      `${record.id} is held because it may have been sent; with --may-duplicate it is sent again all the same.`,
    );
  await retryMessage(storage, record, mayDuplicate);
}

async function one({ store }: Storage, argument: string | undefined, { caller }: Values): Promise<MessageStateRecord> {
  const id = readId(argument);
  const found = await findById(store, id, caller);
  if (found.length > 1)
    throw new Error(
      `Several callers have a mail ${id}; say whose with --caller: ${found.map((each) => each.caller).join(', ')}.`,
    );
  if (!found[0])
    throw new NothingFound(
      `There is no mail ${id}${caller ? ` of ${caller}` : ''}. Receipts of sent mail are kept for 35 days.`,
    );
  return found[0];
}

function readId(argument: string | undefined): string {
  const id = needed(argument, 'an ID');
  if (!isMessageId(id)) throw new UsageError(`${id} is not an id (a lower-case UUID).`);
  return id;
}

/** Says of every record that cannot be read that it cannot, and counts them: what is told is not all there is. */
function countUnreadable(): { note(key: MessageKey, why: unknown): void; count(): number } {
  let count = 0;
  return {
    note(key, why) {
      count++;
      console.error(unreadableInWords(key, why));
    },
    count: () => count,
  };
}

// Who pipes a list into `head` has read enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message} (--help shows how it is used)`);
    process.exitCode = 64;
  } else {
    const { storageErrorInWords } = await import('./openStore.ts');
    console.error(storageErrorInWords(error) ?? (error as Error).message);
    process.exitCode = error instanceof NothingFound ? 2 : 1;
  }
}
