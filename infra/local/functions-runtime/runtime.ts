/**
 * A local runtime for the function app: it stands where the Azure Functions host and its Node worker stand in Azure.
 *
 * It provides `@azure/functions-core`, loads package.json `main` (the very file that is deployed) and drives the
 * library's own programming model with the messages the host sends.
 *
 * Covered: HTTP triggers with streaming (`app.setup({ enableHttpStream: true })`), routes with parameters and
 * constraints, methods, keys, the body limit, 404 for what no route knows, `/admin/functions/NAME`; queue triggers with
 * lease and renewal, batches, polling back-off, visibility after a failure, dequeue counts and poison queues; timers;
 * hooks; host.json `extensions`; `%SETTING%` in queue names and schedules; stopping without cutting off running calls.
 *
 * Left out: other triggers and all further bindings and retry policies (refused at load), functionTimeout, handlers
 * without streaming, memory of missed timer runs, EasyAuth, CORS, `extensions.http` limits, dynamic concurrency,
 * identity-based storage connections, Application Insights.
 *
 * Different on purpose: where Azure leaves the caller of a handler that throws without an answer, this says 500.
 */
import { globSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AppSettings } from './appSettings.ts';
import { type LogLevel, provideCoreModule } from './coreModule.ts';
import { readHostSettings } from './hostSettings.ts';
import { createHttpForwarder } from './httpForward.ts';
import { createRuntimeHttpServer } from './httpServer.ts';
import { createInvoker } from './invocation.ts';
import { openLibraryServer } from './libraryServer.ts';
import { runQueueTrigger } from './queueTrigger.ts';
import { startTimerTrigger } from './timerTrigger.ts';

/** The host's own limit of a request body, in bytes, when FUNCTIONS_REQUEST_BODY_SIZE_LIMIT does not set another. */
const DEFAULT_BODY_LIMIT = 104_857_600;

export interface FunctionsRuntimeOptions {
  /** Directory with host.json and package.json. */
  readonly appDirectory: string;
  readonly settings: AppSettings;
  /** Opens `/admin/…` and routes that are not anonymous. */
  readonly adminKey: string;
  /** How long a queue message is hidden while its function runs, in seconds; 600 in Azure, and by default. */
  readonly queueLeaseSeconds?: number;
  /** Whether timers run here; in Azure only one instance of many runs them. Default true. */
  readonly timers?: boolean;
  log(level: LogLevel, source: string, message: string): void;
}

export interface FunctionsRuntime {
  readonly functionNames: readonly string[];
  /** The HTTP door: make it listen, or hand it connections by `emit('connection', socket)`. */
  readonly server: Server;
  /** Resolves when no function is running. */
  settled(): Promise<void>;
  /** Takes no more work, lets what runs come to its end, then runs the app's appTerminate hooks. */
  stop(): Promise<void>;
}

/** Loads the app and starts its triggers. One runtime per process: the library remembers the first it meets. */
export async function startFunctionsRuntime(options: FunctionsRuntimeOptions): Promise<FunctionsRuntime> {
  const { settings, adminKey, queueLeaseSeconds: leaseSeconds = 600, timers = true, log } = options;
  const appDirectory = resolve(options.appDirectory);
  const { routePrefix, queues } = readHostSettings(appDirectory);
  const core = provideCoreModule(log);
  await loadApp(appDirectory);
  await core.runHooks('appStart', { functionAppDirectory: appDirectory, hookData: {} });
  const library = await openLibraryServer(core.programmingModel());
  core.lock();
  if (core.functions.size === 0) throw new Error('The app registered no function.');

  const stopping = new AbortController();
  const { signal } = stopping;
  const invoker = createInvoker(core, log);
  const bodyLimit = Number(settings.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT ?? DEFAULT_BODY_LIMIT);
  const forward = createHttpForwarder({ library, invoker, bodyLimit, log });
  const server = createRuntimeHttpServer({ core, invoker, routePrefix, adminKey, bodyLimit, forward, log });
  const listeners: Promise<void>[] = [];
  for (const fn of core.functions.values()) {
    const kind = fn.trigger.type.toLowerCase();
    const trigger = { function: fn, invoker, settings, signal };
    if (kind === 'queuetrigger') listeners.push(runQueueTrigger({ ...trigger, queues, leaseSeconds, log }));
    if (kind === 'timertrigger' && timers) startTimerTrigger(trigger);
  }
  return {
    functionNames: [...core.functions.keys()].sort(),
    server,
    settled: invoker.settled,
    async stop() {
      stopping.abort();
      server.close();
      server.closeIdleConnections();
      await Promise.all([...listeners, invoker.settled()]);
      await core.runHooks('appTerminate', { hookData: {} });
      server.closeAllConnections();
    },
  };
}

/** Imports every file that package.json `main` names, which may be a pattern. */
async function loadApp(appDirectory: string): Promise<void> {
  const { main } = JSON.parse(readFileSync(join(appDirectory, 'package.json'), 'utf8')) as { main?: string };
  if (!main) throw new Error(`${join(appDirectory, 'package.json')} has no "main".`);
  const files = globSync(main, { cwd: appDirectory }).sort();
  if (files.length === 0) throw new Error(`package.json "main": ${join(appDirectory, main)} does not exist.`);
  for (const file of files) await import(pathToFileURL(join(appDirectory, file)).href);
}
