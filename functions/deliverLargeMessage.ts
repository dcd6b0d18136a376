// Queue "deliveries-large": a wake-up for a mail that goes as a draft, with upload sessions.
import { app, type StorageQueueHandler } from '@azure/functions';
import { SpanKind } from '@opentelemetry/api';
import { deliverLarge } from './delivery/large/deliverLarge.ts';
import { DELIVERIES_LARGE } from './storage/deliveryQueue.ts';
import { parseWakeUp } from './storage/wakeUp.ts';
import { events, relay } from './wiring/relay.ts';
import { workOnMail } from './wiring/telemetry/mailTrace.ts';

const handler: StorageQueueHandler = async (entry, { functionName }) => {
  const wakeUp = parseWakeUp(entry);
  if (!wakeUp) {
    events.trouble('A queue message is no wake-up. It is dropped.', { function: functionName });
    return;
  }
  const options = await relay();
  const { traceparent, id, caller } = wakeUp;
  const work = { name: functionName, kind: SpanKind.CONSUMER, traceparent, attributes: { id, caller } };
  await workOnMail(work, () => deliverLarge(options, wakeUp));
};

app.storageQueue('deliverLargeMessage', { queueName: DELIVERIES_LARGE, connection: 'MailStorage', handler });
