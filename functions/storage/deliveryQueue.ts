import type { QueueServiceClient } from '@azure/storage-queue';
import type { WakeUp } from './wakeUp.ts';

/** Queue names, as infrastructure makes them; each has a `-poison` beside it. */
export const DELIVERIES = 'deliveries';
export const DELIVERIES_WAITING = 'deliveries-waiting';
export const DELIVERIES_LARGE = 'deliveries-large';
export const DELIVERY_QUEUES = [DELIVERIES, DELIVERIES_WAITING, DELIVERIES_LARGE] as const;
export type DeliveryQueueName = (typeof DELIVERY_QUEUES)[number];

/** The longest a queue message can be hidden: 7 days (Queue Storage, Put Message). */
const MAX_DELAY_MS = 7 * 24 * 3600 * 1000;

export interface DeliveryQueues {
  /** Puts a wake-up that appears after `delayMs` milliseconds (0: at once) and never expires. */
  wakeUp(queue: DeliveryQueueName, wakeUp: WakeUp, delayMs: number): Promise<void>;
  /** About how many messages stand in the queue, hidden ones too. */
  length(queue: DeliveryQueueName): Promise<number>;
}

/** The delivery queues over Azure Queue Storage. The queues must exist: infrastructure makes them. */
export function createDeliveryQueues(queues: QueueServiceClient): DeliveryQueues {
  return {
    async wakeUp(queue, wakeUp, delayMs) {
      const visibilityTimeout = Math.ceil(Math.min(Math.max(0, delayMs), MAX_DELAY_MS - 1000) / 1000);
      // The trigger expects base64 (host.json messageEncoding); the SDK does not encode.
      const text = Buffer.from(JSON.stringify(wakeUp)).toString('base64');
      await queues.getQueueClient(queue).sendMessage(text, { visibilityTimeout, messageTimeToLive: -1 });
    },
    async length(queue) {
      return (await queues.getQueueClient(queue).getProperties()).approximateMessagesCount ?? 0;
    },
  };
}
