// The command line of the edge listener.
import { check } from './commands/check.ts';
import { readOptions, UsageError } from './commands/commandLine.ts';
import { devices } from './commands/devices.ts';
import { EXIT_CANNOT, EXIT_CONFIGURATION, EXIT_OK } from './commands/exitCodes.ts';
import { hashPasswordCommand } from './commands/hashPasswordCommand.ts';
import { makeCertificateCommand } from './commands/makeCertificateCommand.ts';
import { queue } from './commands/queue.ts';
import { schema } from './commands/schema.ts';
import { sendTest } from './commands/sendTest.ts';
import { start } from './commands/start.ts';
import { edgeVersion } from './version.ts';

const USAGE = `edge-listener ${edgeVersion}

  start --config FILE                     take mail and forward it until stopped
  check --config FILE [--online] [--running]    list everything wrong with a configuration; --online asks the relay,
                                          too, and --running the running edge whether it can take mail
  queue list --config FILE [--failed]     the mail in the spool
  queue show|export ID --config FILE      one mail; export writes it out (--output FILE)
  queue retry|hold|delete ID… --config FILE     or --all: retry and delete what failed, hold what waits
  devices --config FILE                   every device seen, and what it does
  hash-password                           reads a password, prints its hash for the configuration
  make-certificate --names A,B [--days N] [--out DIR] [--force]
  send-test --config FILE --to ADDRESS [--from ADDRESS] [--listener N]
  schema                                  JSON Schema of the configuration
  --version, --help

--json makes the output JSON. Exit codes: 0 done, 1 it could not be done, 2 wrong command line or configuration.
`;

const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  start: (args) => start(readOptions(args, ['config']).needed('config')),
  check,
  queue,
  devices,
  'hash-password': hashPasswordCommand,
  'make-certificate': makeCertificateCommand,
  'send-test': sendTest,
  schema,
};

async function main([name = '', ...args]: string[]): Promise<number> {
  if (name === '--version' || name === '--help') {
    process.stdout.write(name === '--help' ? USAGE : `${edgeVersion}\n`);
    return EXIT_OK;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  try {
    if (!command) throw new UsageError(name ? `There is no command ${name}.` : 'A command is missing.');
    return await command(args);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${USAGE}`);
      return EXIT_CONFIGURATION;
    }
    process.stderr.write(`${(error as Error).message}\n`);
    return EXIT_CANNOT;
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`The edge failed unexpectedly: ${(error as Error).stack ?? error}\n`);
    process.exit(EXIT_CANNOT);
  },
);
