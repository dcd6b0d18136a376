import type { LoggerProvider } from '@opentelemetry/sdk-logs';
import type { EventSink } from '../relayEvents.ts';
import { contextOfMail } from './mailTrace.ts';

type Logger = ReturnType<LoggerProvider['getLogger']>;

/** OpenTelemetry's severity numbers (Logs Data Model, "Field: SeverityNumber"). */
const SEVERITY_NUMBERS = { info: 9, warning: 13, error: 17 } as const;
/** The attribute by which Azure Monitor tells a custom event from a line of log. */
const CUSTOM_EVENT_NAME = 'microsoft.custom_event.name';

/** A sink that writes each event as a log record of its mail's operation: an AppEvents row in Application Insights. */
export function createEventLog(logger: Logger): EventSink {
  return (eventName, severity, attributes, traceparent) =>
    logger.emit({
      eventName,
      severityNumber: SEVERITY_NUMBERS[severity],
      severityText: severity,
      attributes: { [CUSTOM_EVENT_NAME]: eventName, severity, ...attributes },
      context: contextOfMail(traceparent),
    });
}
