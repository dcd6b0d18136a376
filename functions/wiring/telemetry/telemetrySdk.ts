/** The OpenTelemetry SDK over the exporters there are: what is loaded only where telemetry leaves the process. */
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { AlwaysOnSampler, BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { EventSink } from '../relayEvents.ts';
import { createEventLog } from './eventLog.ts';
import type { Exporters } from './exporters.ts';
import { createMailMetrics } from './mailMetrics.ts';
import { noteActivity } from './mailTrace.ts';

const SCOPE = 'relay';
/** Records that may wait for their exporter; of a burst none may be dropped. At about 1 kB each. */
const MAX_WAITING = 20_000;

export interface TelemetrySdk {
  readonly sink: EventSink;
  /** Sends what waits, and ends. */
  shutdown(): Promise<void>;
}

/** @param serviceName what the relay is called, where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES do not say */
export function startTelemetrySdk(destinations: readonly Exporters[], serviceName: string): TelemetrySdk {
  const resource = resourceFromAttributes({ 'service.name': serviceName }).merge(
    detectResources({ detectors: [envDetector] }),
  );
  const logs = new LoggerProvider({
    resource,
    processors: destinations.flatMap(({ logs: exporter }) =>
      exporter ? new BatchLogRecordProcessor({ exporter, maxQueueSize: MAX_WAITING }) : [],
    ),
  });
  const spans = new BasicTracerProvider({
    resource,
    // Not by the sender's flag: a mail that its edge did not sample is a mail all the same.
    sampler: new AlwaysOnSampler(),
    spanProcessors: destinations.flatMap(({ spans: exporter }) =>
      exporter ? new BatchSpanProcessor(exporter, { maxQueueSize: MAX_WAITING }) : [],
    ),
  });
  const metrics = new MeterProvider({
    resource,
    readers: destinations.flatMap(({ metrics: exporter }) =>
      exporter ? new PeriodicExportingMetricReader({ exporter }) : [],
    ),
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(spans);

  const log = createEventLog(logs.getLogger(SCOPE));
  const count = createMailMetrics(metrics.getMeter(SCOPE));
  return {
    sink(...event) {
      noteActivity();
      log(...event);
      count(...event);
    },
    async shutdown() {
      await Promise.allSettled([spans.shutdown(), logs.shutdown(), metrics.shutdown()]);
    },
  };
}
