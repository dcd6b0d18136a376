// Starts the Graph sandbox as a process of its own:
//   node infra/local/graph-sandbox/main.ts --port 8025 --data .local/graph [--graph-limits] [--mailboxes FILE]
// It ends when its parent disconnects, and on SIGINT and SIGTERM.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readMailboxList } from './graph/mailboxList.ts';
import { createGraphSandbox, type GraphSandbox, type GraphSandboxOptions } from './graphSandbox.ts';

/** A start that cannot go well, in one sentence for the person who typed the command. */
function refuse(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}

function readOptions(args: string[]): GraphSandboxOptions {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '8025' },
      data: { type: 'string' },
      'graph-limits': { type: 'boolean', default: false },
      mailboxes: { type: 'string' },
    },
  });
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : -1;
  if (port < 0 || port > 65535) refuse(`--port must be a number from 0 to 65535, not "${values.port}".`);
  if (!values.data) refuse('--data DIR is missing: where messages are kept.');
  const mailboxes = values.mailboxes === undefined ? undefined : readMailboxes(values.mailboxes);
  return { port, dataDir: values.data, graphLimits: values['graph-limits'], ...(mailboxes && { mailboxes }) };
}

function readMailboxes(path: string) {
  try {
    return readMailboxList(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    refuse(`--mailboxes ${path}: ${(error as Error).message}`);
  }
}

async function start(): Promise<GraphSandbox> {
  let options: GraphSandboxOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    refuse((error as Error).message);
  }
  try {
    return await createGraphSandbox(options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
      refuse(`Port ${options.port} is in use; choose another with --port, or 0 for any free one.`);
    refuse(`The Graph sandbox cannot start: ${(error as Error).message}`);
  }
}

const sandbox = await start();
let stopping = false;
function stop(): void {
  if (stopping) return;
  stopping = true;
  sandbox.close().then(
    () => process.exit(0),
    (error) => refuse(`The Graph sandbox did not stop cleanly: ${error}`),
  );
}
process.once('disconnect', stop);
process.on('SIGTERM', stop);
process.on('SIGINT', stop);

if (process.send) process.send({ type: 'listening', port: sandbox.port });
else console.log(`graph sandbox ready  graph=${sandbox.url}/v1.0  inbox=${sandbox.url}`);
