const SIGNALS = ['LOGS', 'TRACES', 'METRICS'] as const;

/** The signals that OTEL_EXPORTER_OTLP_ENDPOINT, or the variable of each, names an endpoint for. */
export function otlpSignals(env: NodeJS.ProcessEnv): ReadonlySet<(typeof SIGNALS)[number]> {
  const given = (signal: string) => env.OTEL_EXPORTER_OTLP_ENDPOINT || env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`];
  return new Set(SIGNALS.filter(given));
}
