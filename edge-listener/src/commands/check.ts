// `edge-listener check --config FILE [--online] [--running]`: everything that is wrong with a configuration.
import { randomUUID } from 'node:crypto';
import { messagePath } from '../../../functions/contract/relayProtocol.ts';
import type { EdgeConfig } from '../config/configSchema.ts';
import { readConfig } from '../config/readConfig.ts';
import { createAuthorization } from '../forward/authorization.ts';
import { createHttpClient } from '../forward/httpExchange.ts';
import { readStatusAnswer } from '../forward/readVerdict.ts';
import { reachRunning } from '../operations/controlClient.ts';
import { readOptions, say } from './commandLine.ts';
import { EXIT_CANNOT, EXIT_CONFIGURATION, EXIT_OK } from './exitCodes.ts';

export async function check(args: string[]): Promise<number> {
  const options = readOptions(args, ['config'], ['online', 'running']);
  const file = options.needed('config');
  const reading = readConfig(file, process.env, { withoutKey: options.has('running') && !options.has('online') });
  if (!reading.ok) {
    say(options, { ok: false, problems: reading.problems }, reading.problems);
    return EXIT_CONFIGURATION;
  }
  const { relay, spool } = reading.config;
  const problem =
    (options.has('running') ? await runningProblem(spool.directory) : undefined) ??
    (options.has('online') ? await relayProblem(relay, reading.relayKey) : undefined);
  if (problem) {
    say(options, { ok: false, problems: [problem] }, problem);
    return EXIT_CANNOT;
  }
  say(options, { ok: true, problems: [] }, `${file} is in order.`);
  return EXIT_OK;
}

/** Asks the running edge over its control socket whether it can take mail: the health check of a container. */
async function runningProblem(directory: string): Promise<string | undefined> {
  const running = await reachRunning(directory);
  if (!running) return `spool.directory: expected a running edge with the spool ${directory}; got none`;
  const reason = await running.notReady();
  return reason && `the running edge: expected to take mail; got ${reason}`;
}

/** Asks the function app for a message that does not exist: that needs the right address and the right key. */
async function relayProblem({ url: baseUrl, entra }: EdgeConfig['relay'], key: string): Promise<string | undefined> {
  const http = createHttpClient({ baseUrl, maxSockets: 1, idleTimeoutMs: 10_000, answerTimeoutMs: 60_000 });
  const id = randomUUID();
  try {
    const authorization = await createAuthorization(key, entra);
    const headers = { authorization: await authorization() };
    const answer = await http.exchange({ method: 'GET', path: messagePath(id), headers });
    const outcome = readStatusAnswer(answer, id, Date.now());
    if (outcome.kind === 'unknownThere') return undefined;
    return `relay.url: expected the relay to know this edge; got ${'reason' in outcome ? outcome.reason : outcome.kind}`;
  } catch (error) {
    return `relay.url: expected an answer of the relay; got ${(error as Error).message}`;
  } finally {
    http.close();
  }
}
