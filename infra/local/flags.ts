import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { StartError } from './startError.ts';

/** What `npm start --` was asked to do. */
export interface Flags {
  /** Ports on 127.0.0.1; 0 takes any free one. */
  readonly smtpPort: number;
  readonly httpPort: number;
  readonly inboxPort: number;
  /** Absolute path of the directory with queue, spool, inbox, logs and pids. */
  readonly dataDirectory: string;
  /** Function processes on the same queues. */
  readonly workers: number;
  /** A Graph elsewhere; undefined for the sandbox. */
  readonly graphUrl: string | undefined;
  readonly edge: boolean;
  readonly graphLimits: boolean;
}

export const HELP = `Runs the whole relay on this machine, without an Azure account.

npm start -- [flags]
  --smtp-port N     port of the edge listener (2525; 0 = any free port)
  --http-port N     port of the function app (7071; 0 = any free port)
  --inbox-port N    port of the web inbox and Graph sandbox (8025; 0 = any free port)
  --data DIR        where queue, spool, inbox and logs are kept (.local)
  --workers N       function processes on the same queues (1)
  --graph-url URL   send to this Graph instead of the sandbox
  --no-edge         without the edge listener
  --graph-limits    the sandbox enforces Graph's real limits
  --help            this text

The local key is local-dev-key. DIR/admin-key opens http://127.0.0.1:7071/admin/functions/NAME, which runs a timer now.
`;

const MAX_WORKERS = 16;

const OPTIONS = {
  'smtp-port': { type: 'string', default: '2525' },
  'http-port': { type: 'string', default: '7071' },
  'inbox-port': { type: 'string', default: '8025' },
  data: { type: 'string', default: '' },
  workers: { type: 'string', default: '1' },
  'graph-url': { type: 'string' },
  'no-edge': { type: 'boolean', default: false },
  'graph-limits': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/**
 * Reads the command line; `help` when only the help text is wanted. Throws a {@link StartError} for the first flag
 * that is wrong.
 *
 * @param directories `root` holds the default data directory; relative paths start from `caller`.
 */
export function readFlags(args: string[], directories: { root: string; caller: string }): Flags | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const ports = {
    smtpPort: readNumber('--smtp-port', values['smtp-port'], 0, 65535),
    httpPort: readNumber('--http-port', values['http-port'], 0, 65535),
    inboxPort: readNumber('--inbox-port', values['inbox-port'], 0, 65535),
  };
  const used = [ports.httpPort, ports.inboxPort, ...(values['no-edge'] ? [] : [ports.smtpPort])].filter(Boolean);
  if (new Set(used).size < used.length)
    throw new StartError('--smtp-port, --http-port and --inbox-port must differ from one another.');
  return {
    ...ports,
    dataDirectory: values.data ? resolve(directories.caller, values.data) : resolve(directories.root, '.local'),
    workers: readNumber('--workers', values.workers, 1, MAX_WORKERS),
    graphUrl: readUrl(values['graph-url']),
    edge: !values['no-edge'],
    graphLimits: values['graph-limits'],
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    // Node's own sentences are right, but long; the first holds what is wrong.
    const [sentence] = (error as Error).message.split(/\. |\n/);
    throw new StartError(`${sentence!.replace(/\.$/, '')}; "npm start -- --help" lists the flags.`);
  }
}

function readNumber(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new StartError(`${flag} must be a number from ${least} to ${most}, not "${text}".`);
}

function readUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return text.replace(/\/+$/, '');
  throw new StartError(`--graph-url must be an http or https URL, not "${text}".`);
}
