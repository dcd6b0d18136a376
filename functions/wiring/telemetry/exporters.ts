import type { LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';

/** One place that telemetry goes to. A signal that is not sent there is left out. */
export interface Exporters {
  readonly logs?: LogRecordExporter | undefined;
  readonly spans?: SpanExporter | undefined;
  readonly metrics?: PushMetricExporter | undefined;
}
