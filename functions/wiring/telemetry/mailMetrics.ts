/** The figures that the events of mails add up to. Few attributes: each combination of values is a series of its own. */
import type { Meter } from '@opentelemetry/api';
import type { EventAttributes, EventSink } from '../relayEvents.ts';

/** Milliseconds; a mail takes anything from a tenth of a second to the three days after which it is given up. */
const BUCKETS = [50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 86_400_000];

/** A sink that counts. */
export function createMailMetrics(meter: Meter): EventSink {
  const counter = (name: string, description: string) => meter.createCounter(name, { description, unit: '{mail}' });
  const accepted = counter('relay.mail.accepted', 'Mails that the cloud is responsible for');
  const delivered = counter('relay.mail.delivered', 'Mails that Exchange accepted');
  const retried = counter('relay.mail.retried', 'Attempts that ended in another try, by code');
  const held = counter('relay.mail.held', 'Mails of unknown outcome, kept for a person');
  const failed = counter('relay.mail.failed', 'Mails that finally failed, by code');
  const throttled = meter.createCounter('relay.mailbox.throttled', { description: 'Pauses that Graph imposed' });
  const length = meter.createGauge('relay.queue.length', { description: 'Wake-ups in the queues' });
  const oldest = meter.createGauge('relay.queue.oldest', {
    description: 'Age of the oldest unfinished mail',
    unit: 's',
  });
  const leg = meter.createHistogram('relay.leg.duration', {
    description:
      'Where the time of a mail goes: edge (SMTP to accepted), queue (accepted to send), graph (call), total',
    unit: 'ms',
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const took = (name: string, ms: EventAttributes[string]) => {
    if (typeof ms === 'number' && ms >= 0) leg.record(ms, { leg: name });
  };
  const bySeries: Readonly<Record<string, (event: EventAttributes) => void>> = {
    'mail.accepted': ({ edgeMs }) => {
      accepted.add(1);
      took('edge', edgeMs);
    },
    'mail.sent': ({ queueMs, graphMs, totalMs }) => {
      delivered.add(1);
      took('queue', queueMs);
      took('graph', graphMs);
      took('total', totalMs);
    },
    'mail.retried': ({ reason }) => retried.add(1, { code: codeOf(reason) }),
    'mail.held': () => held.add(1),
    'mail.failed': ({ reason }) => failed.add(1, { code: codeOf(reason) }),
    'mailbox.throttled': () => throttled.add(1),
    'queue.measured': (event) => {
      length.record(Number(event.length));
      oldest.record(Number(event.oldestSeconds));
    },
  };
  return (name, _, attributes) => bySeries[name]?.(attributes);
}

/** What a reason starts with, when it is a code: words from outside are no series. */
function codeOf(reason: EventAttributes[string]): string {
  return /^([A-Za-z_]{1,60}|HTTP \d{3})(?=:)/.exec(String(reason))?.[1] ?? 'other';
}
