// Queues "deliveries-poison", "deliveries-waiting-poison", "deliveries-large-poison": wake-ups that were given up.
import { app, type StorageQueueHandler } from '@azure/functions';
import { SpanKind } from '@opentelemetry/api';
import { settlePoison } from './delivery/settlePoison.ts';
import { DELIVERIES, DELIVERIES_LARGE, DELIVERIES_WAITING } from './storage/deliveryQueue.ts';
import { parseWakeUp } from './storage/wakeUp.ts';
import { relay } from './wiring/relay.ts';
import { workOnMail } from './wiring/telemetry/mailTrace.ts';

const handler: StorageQueueHandler = async (entry, { functionName }) => {
  const wakeUp = parseWakeUp(entry);
  if (!wakeUp) return;
  const options = await relay();
  const { traceparent, id, caller } = wakeUp;
  const work = { name: functionName, kind: SpanKind.CONSUMER, traceparent, attributes: { id, caller } };
  await workOnMail(work, () => settlePoison(options, wakeUp));
};

const connection = 'MailStorage';
app.storageQueue('settlePoisonMessage', { queueName: `${DELIVERIES}-poison`, connection, handler });
app.storageQueue('settlePoisonWaitingMessage', { queueName: `${DELIVERIES_WAITING}-poison`, connection, handler });
app.storageQueue('settlePoisonLargeMessage', { queueName: `${DELIVERIES_LARGE}-poison`, connection, handler });
