import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import {
  callOut,
  contextOfMail,
  noteActivity,
  usableTraceparent,
  workOnMail,
} from '../../wiring/telemetry/mailTrace.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const exporter = new InMemorySpanExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
beforeEach(() => exporter.reset());

const work = { name: 'deliverMessage', kind: SpanKind.CONSUMER, traceparent: TRACEPARENT, attributes: {} };

test('work that comes to nothing leaves no span; an event or a call makes it one', async () => {
  await workOnMail(work, async () => {});
  assert.equal(exporter.getFinishedSpans().length, 0);
  await workOnMail(work, async () => noteActivity());
  assert.equal(exporter.getFinishedSpans().length, 1);
  await workOnMail(work, () => callOut('Graph sendMail', {}, async () => {}));
  assert.deepEqual(
    exporter.getFinishedSpans().map(({ name }) => name),
    ['deliverMessage', 'Graph sendMail', 'deliverMessage'],
  );
  const [, call, around] = exporter.getFinishedSpans();
  assert.equal(call!.parentSpanContext?.spanId, around!.spanContext().spanId);
  assert.equal(around!.parentSpanContext?.spanId, 'b7ad6b7169203331');
  assert.equal(around!.spanContext().traceId, '0af7651916cd43dd8448eb211c80319c');
});

test('work that fails is told without what the error says', async () => {
  const failing = async () => {
    throw new TypeError('bob@contoso.com');
  };
  await assert.rejects(workOnMail(work, failing), TypeError);
  const [span] = exporter.getFinishedSpans();
  assert.deepEqual(span!.status, { code: SpanStatusCode.ERROR });
  assert.equal(span!.attributes['error.type'], 'TypeError');
  assert.ok(!JSON.stringify([span!.attributes, span!.events]).includes('bob'));
});

test('mails that are worked on at once keep to their own operations', async () => {
  const traceOf = (n: number) => `${n}`.repeat(32);
  await Promise.all(
    [1, 2, 3].map((n) =>
      workOnMail({ ...work, traceparent: `00-${traceOf(n)}-b7ad6b7169203331-01` }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 5 * (4 - n)));
        await callOut(`call ${n}`, {}, async () => {});
      }),
    ),
  );
  for (const n of [1, 2, 3])
    assert.equal(
      exporter
        .getFinishedSpans()
        .find(({ name }) => name === `call ${n}`)
        ?.spanContext().traceId,
      traceOf(n),
    );
});

test('a traceparent is taken over where it is one, else the mail gets a new operation', () => {
  assert.equal(usableTraceparent(TRACEPARENT), TRACEPARENT);
  for (const given of [
    null,
    '',
    'nonsense',
    TRACEPARENT.toUpperCase(),
    `${TRACEPARENT}-more`,
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
  ]) {
    const made = usableTraceparent(given);
    assert.notEqual(made, given);
    assert.ok(trace.getSpanContext(contextOfMail(made)), made);
  }
  assert.notEqual(usableTraceparent(null), usableTraceparent(null));
});
