// Queue "deliveries-large": a wake-up for a mail that goes as a draft, with upload sessions.
import { app, type StorageQueueHandler } from '@azure/functions';
import { deliverLarge } from './delivery/large/deliverLarge.ts';
import { DELIVERIES_LARGE } from './storage/deliveryQueue.ts';
import { parseWakeUp } from './storage/wakeUp.ts';
import { events, relay } from './wiring/relay.ts';

const handler: StorageQueueHandler = async (entry) => {
  const wakeUp = parseWakeUp(entry);
  if (wakeUp) await deliverLarge(await relay(), wakeUp);
  else events.trouble('A queue message is no wake-up. It is dropped.', { function: 'deliverLargeMessage' });
};

app.storageQueue('deliverLargeMessage', { queueName: DELIVERIES_LARGE, connection: 'MailStorage', handler });
