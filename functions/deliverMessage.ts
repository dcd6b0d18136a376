// Queue "deliveries": a wake-up for a mail that has just been accepted.
import { app } from '@azure/functions';
import { deliverQueued } from './delivery/deliverQueued.ts';
import { DELIVERIES } from './storage/deliveryQueue.ts';

app.storageQueue('deliverMessage', { queueName: DELIVERIES, connection: 'MailStorage', handler: deliverQueued });
