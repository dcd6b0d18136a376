// Queue "deliveries-waiting": a wake-up for a mail that waits for its next try or for a busy mailbox.
import { app } from '@azure/functions';
import { deliverQueued } from './delivery/deliverQueued.ts';
import { DELIVERIES_WAITING } from './storage/deliveryQueue.ts';

app.storageQueue('deliverWaitingMessage', {
  queueName: DELIVERIES_WAITING,
  connection: 'MailStorage',
  handler: deliverQueued,
});
