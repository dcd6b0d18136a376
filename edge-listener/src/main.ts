// The command line of the edge listener.
import { parseArgs } from 'node:util';
import { EXIT_CONFIGURATION, EXIT_OK } from './commands/exitCodes.ts';
import { start } from './commands/start.ts';
import { edgeVersion } from './version.ts';

const USAGE = `edge-listener ${edgeVersion}

  edge-listener start --config FILE    take mail and forward it until stopped
  edge-listener --version
`;

async function main(args: string[]): Promise<number> {
  if (args.includes('--version')) {
    process.stdout.write(`${edgeVersion}\n`);
    return EXIT_OK;
  }
  const [command, ...rest] = args;
  if (command !== 'start') return usage(command ? `There is no command ${command}.` : 'A command is missing.');
  try {
    const { values } = parseArgs({ args: rest, options: { config: { type: 'string' } } });
    if (!values.config) return usage('start needs --config FILE.');
    return await start(values.config);
  } catch (error) {
    return usage((error as Error).message);
  }
}

function usage(problem: string): number {
  process.stderr.write(`${problem}\n\n${USAGE}`);
  return EXIT_CONFIGURATION;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`The edge failed unexpectedly: ${(error as Error).stack ?? error}\n`);
    process.exit(1);
  },
);
