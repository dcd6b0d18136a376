// `edge-listener queue …`: looks at the mail in the spool and decides about it.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { reachOperator } from '../operations/controlClient.ts';
import { OPERATOR_ACTIONS, type Operator, type OperatorAction, type QueueItem } from '../operations/operator.ts';
import { type Options, readOptions, say, table, UsageError } from './commandLine.ts';
import { EXIT_CANNOT, EXIT_OK } from './exitCodes.ts';
import { offlineConfig } from './offlineConfig.ts';

/** Shows progress on a terminal from so many messages. */
const PROGRESS_EVERY = 100;

export async function queue(args: string[]): Promise<number> {
  const options = readOptions(args, ['config', 'output'], ['all', 'failed']);
  const [what = 'list', ...ids] = options.words;
  const { operator, close } = await reachOperator(offlineConfig(options).spool.directory);
  try {
    if (what === 'list') return await list(operator, options);
    if (what === 'show') return await show(operator, options, one(ids));
    if (what === 'export') return await exportMessage(operator, options, one(ids));
    if ((OPERATOR_ACTIONS as readonly string[]).includes(what))
      return await change(operator, options, what as OperatorAction, ids);
    throw new UsageError(`There is no queue ${what}; there are list, show, export, retry, hold and delete.`);
  } finally {
    await close();
  }
}

function one(ids: readonly string[]): string {
  if (ids.length !== 1) throw new UsageError('The number of one message is needed.');
  return ids[0]!;
}

async function list(operator: Operator, options: Options): Promise<number> {
  const items = (await operator.list()).filter(({ state }) => !options.has('failed') || state !== 'queued');
  const rows = items.map(({ id, state, bytes, attempts, queuedAt, failedAt, due, reason }) => [
    id,
    state,
    String(bytes),
    String(attempts),
    queuedAt ?? failedAt ?? '',
    reason ?? (due ? `due ${due}` : ''),
  ]);
  const text =
    items.length === 0 ? ['No mail is waiting.'] : table(['NUMBER', 'STATE', 'BYTES', 'TRIES', 'SINCE', ''], rows);
  say(options, items, text);
  return EXIT_OK;
}

async function show(operator: Operator, options: Options, id: string): Promise<number> {
  const item = await operator.show(id);
  if (!item) return unknown(id);
  const { envelope, ...rest } = item;
  const { client } = envelope;
  say(options, item, [
    ...Object.entries(rest).map(([name, value]) => `${name}: ${value}`),
    `from: <${envelope.from}>`,
    ...envelope.to.map((address) => `to: <${address}>`),
    `device: ${client.address} ${client.helo} ${client.user} ${client.tls}`.trimEnd(),
  ]);
  return EXIT_OK;
}

async function exportMessage(operator: Operator, options: Options, id: string): Promise<number> {
  const body = await operator.export(id);
  if (!body) return unknown(id);
  const output = options.text('output');
  if (output) await pipeline(body, createWriteStream(output, { mode: 0o600, flags: 'wx' }));
  else await pipeline(body, process.stdout, { end: false });
  return EXIT_OK;
}

async function change(operator: Operator, options: Options, action: OperatorAction, given: string[]): Promise<number> {
  const ids = given.length > 0 ? given : options.has('all') ? await chosen(operator, action) : [];
  if (ids.length === 0 && !options.has('all')) throw new UsageError(`queue ${action} needs numbers, or --all.`);
  const results: { id: string; result: string }[] = [];
  for (const id of ids) {
    results.push({ id, result: await operator.change(id, action) });
    if (process.stderr.isTTY && results.length % PROGRESS_EVERY === 0)
      process.stderr.write(`\r${results.length} of ${ids.length}`);
  }
  say(
    options,
    results,
    results.map(({ id, result }) => `${id}: ${result}`),
  );
  return results.every(({ result }) => result === 'done') ? EXIT_OK : EXIT_CANNOT;
}

/** What `--all` means: retry the failed, hold the queued, delete the failed. Never all at once what may still go. */
async function chosen(operator: Operator, action: OperatorAction): Promise<string[]> {
  const state: QueueItem['state'] = action === 'hold' ? 'queued' : 'failed';
  return (await operator.list()).filter((item) => item.state === state).map(({ id }) => id);
}

function unknown(id: string): number {
  process.stderr.write(`There is no message ${id} in the spool.\n`);
  return EXIT_CANNOT;
}
