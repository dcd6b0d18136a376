/**
 * Where the relay's events, spans and figures go: Application Insights, an OTLP collector, or both; without either, events
 * are lines on the console. SDK and exporters are loaded with the first mail, not with the app; events before that wait.
 */
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { consoleSink, type EventSink } from '../relayEvents.ts';
import type { Settings } from '../settings.ts';
import type { Exporters } from './exporters.ts';
import { otlpSignals } from './otlpSignals.ts';
import type { TelemetrySdk } from './telemetrySdk.ts';

/** The platform gives an instance that goes away little time. */
const STOP_MS = 5000;
/** Trouble with telemetry itself is said at most this often. */
const COMPLAIN_EVERY_MS = 5 * 60_000;
const MAX_EARLY = 1000;

export interface Telemetry {
  readonly sink: EventSink;
  /** Loads what sends; does nothing the second time, and never fails. */
  start(): Promise<void>;
  /** Sends what waits, as far as that goes within five seconds. */
  stop(): Promise<void>;
}

export type TelemetrySettings = Pick<
  Settings,
  'APPLICATIONINSIGHTS_CONNECTION_STRING' | 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
>;

/** @param env for the standard OTEL_… variables, which the OpenTelemetry SDK reads too */
export function createTelemetry(settings: TelemetrySettings, env: NodeJS.ProcessEnv): Telemetry {
  const wanted = settings.APPLICATIONINSIGHTS_CONNECTION_STRING !== undefined || otlpSignals(env).size > 0;
  if (!wanted || env.OTEL_SDK_DISABLED === 'true')
    return { sink: consoleSink, start: async () => {}, stop: async () => {} };

  let sdk: TelemetrySdk | undefined;
  let sink: EventSink | undefined;
  let starting: Promise<void> | undefined;
  let early: Parameters<EventSink>[] = [];

  async function start(): Promise<void> {
    try {
      diag.setLogger(complaints(), { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
      const { startTelemetrySdk } = await import('./telemetrySdk.ts');
      sdk = startTelemetrySdk(await destinations(settings, env), env.WEBSITE_SITE_NAME ?? 'm365-smtp-relay');
      sink = sdk.sink;
    } catch (error) {
      sink = consoleSink;
      consoleSink('relay.trouble', 'error', {
        what: 'Telemetry cannot start. Events are lines on the console.',
        error: String(error),
      });
    }
    for (const event of early) sink(...event);
    early = [];
  }

  return {
    sink(...event) {
      if (sink) sink(...event);
      else if (early.length < MAX_EARLY) early.push(event);
      else consoleSink(...event);
    },
    start() {
      starting ??= start();
      return starting;
    },
    async stop() {
      if (early.length > 0) starting ??= start();
      await starting;
      const deadline = new Promise<void>((resolve) => setTimeout(resolve, STOP_MS).unref());
      await Promise.race([sdk?.shutdown(), deadline]);
    },
  };
}

async function destinations(settings: TelemetrySettings, env: NodeJS.ProcessEnv): Promise<Exporters[]> {
  const found: Exporters[] = [];
  const { APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString } = settings;
  if (connectionString) {
    const { azureMonitorExporters } = await import('./azureMonitor.ts');
    const identity = settings.APPLICATIONINSIGHTS_AUTHENTICATION_STRING;
    found.push(await azureMonitorExporters({ connectionString, identity }));
  }
  if (otlpSignals(env).size > 0) {
    const { otlpExporters } = await import('./otlp.ts');
    found.push(otlpExporters(env));
  }
  return found;
}

/** What the SDK says when it cannot send. It goes to the console: there is nowhere else. */
function complaints() {
  let silentUntil = 0;
  const quiet = () => {};
  return {
    error(...message: unknown[]) {
      if (Date.now() < silentUntil) return;
      silentUntil = Date.now() + COMPLAIN_EVERY_MS;
      consoleSink('relay.trouble', 'warning', {
        what: 'Telemetry could not be sent.',
        error: message.map(String).join(' ').slice(0, 300),
      });
    },
    warn: quiet,
    info: quiet,
    debug: quiet,
    verbose: quiet,
  };
}
