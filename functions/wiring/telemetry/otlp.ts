/** Any OpenTelemetry collector, by OTLP over HTTP. The exporters read the standard OTEL_EXPORTER_OTLP_* variables. */
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { Exporters } from './exporters.ts';
import { otlpSignals } from './otlpSignals.ts';

/** Exporters for the signals that the environment names an endpoint for. */
export function otlpExporters(env: NodeJS.ProcessEnv): Exporters {
  const wanted = otlpSignals(env);
  return {
    logs: wanted.has('LOGS') ? new OTLPLogExporter() : undefined,
    spans: wanted.has('TRACES') ? new OTLPTraceExporter() : undefined,
    metrics: wanted.has('METRICS') ? new OTLPMetricExporter() : undefined,
  };
}
