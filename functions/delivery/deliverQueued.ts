import type { StorageQueueHandler } from '@azure/functions';
import { SpanKind } from '@opentelemetry/api';
import { parseWakeUp } from '../storage/wakeUp.ts';
import { events, relay } from '../wiring/relay.ts';
import { workOnMail } from '../wiring/telemetry/mailTrace.ts';
import { deliverMessage } from './deliverMessage.ts';

/** The handler of every delivery queue. What is no wake-up is dropped: it carries no authority and no mail. */
export const deliverQueued: StorageQueueHandler = async (entry, context) => {
  const wakeUp = parseWakeUp(entry);
  if (!wakeUp) {
    events.trouble('A queue message is no wake-up. It is dropped.', { function: context.functionName });
    return;
  }
  const options = await relay();
  const { traceparent, id, caller } = wakeUp;
  const work = { name: context.functionName, kind: SpanKind.CONSUMER, traceparent, attributes: { id, caller } };
  await workOnMail(work, () => deliverMessage(options, wakeUp));
};
