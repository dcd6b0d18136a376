// The command line of the local relay: flags in, one ready line out, and an end that leaves nothing behind.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { HELP, readFlags } from './flags.ts';
import { createRelay } from './relay.ts';
import { StartError } from './startError.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const terminal = (line: string) => process.stderr.write(`${line}\n`);

try {
  // npm runs scripts in the repository, but a relative --data means a place where the person is.
  const flags = readFlags(process.argv.slice(2), { root, caller: process.env.INIT_CWD ?? process.cwd() });
  if (flags === 'help') process.stdout.write(HELP);
  else {
    // Tests build once, and start many at a time.
    if (process.env.LOCAL_BUILD !== 'done') build();
    await run(createRelay(flags, terminal));
  }
} catch (error) {
  fail(error);
}

function build(): void {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url))], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new StartError('The build failed; what is wrong stands above.');
}

async function run(relay: ReturnType<typeof createRelay>): Promise<void> {
  let asked = false;
  const stop = () => {
    if (asked) {
      relay.kill();
      process.exit(1);
    }
    asked = true;
    terminal('Stopping; Ctrl+C again to stop at once.');
    relay.stop().then(() => process.exit(0), fail);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // A program that starts the relay with a channel to it, a test for one, takes it along when it dies.
  process.once('disconnect', stop);
  try {
    process.stdout.write(`${await relay.start()}\n`);
  } catch (error) {
    // Whoever asked to stop during the start did so on purpose: that ends above.
    if (asked) return;
    asked = true;
    await relay.stop();
    throw error;
  }
}

function fail(error: unknown): never {
  terminal(error instanceof StartError ? error.message : String((error as Error)?.stack ?? error));
  process.exit(1);
}
