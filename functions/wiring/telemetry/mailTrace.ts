/**
 * One mail, one operation: whatever happens to a mail, in whatever process, carries the trace id that came with it, so
 * that the SMTP session, the acceptance, each attempt and Graph's answer read as one story.
 *
 * Spans carry names and codes, never a URL: Graph's contain mailbox addresses.
 */
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const TRACER = 'relay';
/** What the Azure Monitor exporter shows as OperationName of a request. */
const OPERATION_NAME = 'ai.operation.name';

/** Whether anything worth telling happened in a piece of work. */
interface Activity {
  happened: boolean;
}
const ACTIVITY = createContextKey('relay.activity');

/** The sender's W3C trace context if it is one, or a new one: every mail has an operation. */
export function usableTraceparent(given: string | null): string {
  if (given && remoteSpanOf(given)) return given;
  const hex = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
  return `00-${hex(16)}-${hex(8)}-01`;
}

/** The context of a mail: the span that is at work on it, else the remote one that its traceparent names. */
export function contextOfMail(traceparent: string | undefined): Context {
  const active = context.active();
  const remote = traceparent ? remoteSpanOf(traceparent) : undefined;
  if (!remote || trace.getSpanContext(active)?.traceId === remote.traceId) return active;
  return trace.setSpanContext(ROOT_CONTEXT, remote);
}

/** Marks the work at hand as worth telling. */
export function noteActivity(): void {
  const activity = context.active().getValue(ACTIVITY) as Activity | undefined;
  if (activity) activity.happened = true;
}

/**
 * Does a piece of work on a mail as a span of the mail's operation. When it comes to nothing, as of a wake-up that only
 * goes back to its queue, there is no span: one that is never ended is never exported.
 */
export async function workOnMail<T>(
  work: {
    readonly name: string;
    readonly kind: SpanKind;
    readonly traceparent: string;
    readonly attributes: Attributes;
  },
  run: () => Promise<T>,
): Promise<T> {
  const { name, kind, traceparent, attributes } = work;
  const activity: Activity = { happened: false };
  const parent = contextOfMail(traceparent).setValue(ACTIVITY, activity);
  const options = { kind, attributes: { ...attributes, [OPERATION_NAME]: name } };
  const span = trace.getTracer(TRACER).startSpan(name, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), run);
  } catch (error) {
    activity.happened = true;
    fail(span, error);
    throw error;
  } finally {
    if (activity.happened) span.end();
  }
}

/** Does one call to another service as a span below the work at hand. */
export async function callOut<T>(name: string, attributes: Attributes, run: (span: Span) => Promise<T>): Promise<T> {
  noteActivity();
  const span = trace.getTracer(TRACER).startSpan(name, { kind: SpanKind.CLIENT, attributes });
  try {
    return await context.with(trace.setSpan(context.active(), span), run, undefined, span);
  } catch (error) {
    fail(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Only what kind of error it was: messages may quote addresses. */
function fail(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error);
}

function remoteSpanOf(traceparent: string) {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? [];
  if (!traceId || !spanId || !flags) return undefined;
  const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(span) ? span : undefined;
}
