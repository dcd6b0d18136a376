import { setTimeout as sleep } from 'node:timers/promises';
import { type DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import { type AppSettings, connectionString, resolveSettings } from './appSettings.ts';
import type { LogLevel, RegisteredFunction, TypedData } from './coreModule.ts';
import type { QueueSettings } from './hostSettings.ts';
import type { Invoker } from './invocation.ts';
import { createPollingDelay } from './pollingDelay.ts';

export interface QueueTriggerOptions {
  readonly function: RegisteredFunction;
  readonly invoker: Invoker;
  readonly queues: QueueSettings;
  readonly settings: AppSettings;
  /** How long a message is hidden while its function runs, in seconds; renewed at half time. */
  readonly leaseSeconds: number;
  readonly signal: AbortSignal;
  log(level: LogLevel, source: string, message: string): void;
}

/** Calls a function for each message of its queue until `signal` aborts; resolves when the last call has ended. */
export async function runQueueTrigger(options: QueueTriggerOptions): Promise<void> {
  const { function: fn, invoker, queues, leaseSeconds, signal } = options;
  const connection = connectionString(fn.trigger.connection as string | undefined, options.settings);
  const queue = new QueueClient(connection, resolveSettings(String(fn.trigger.queueName), options.settings));
  // As in Azure, what fails in a poison queue stays there: it has no poison queue of its own.
  const poison = queue.name.endsWith('-poison') ? undefined : new QueueClient(connection, `${queue.name}-poison`);
  const log = (level: LogLevel, message: string) => options.log(level, fn.name, message);
  const processing = new Set<Promise<void>>();
  const delay = createPollingDelay(queues.maxPollingIntervalMs);

  while (!signal.aborted) {
    const batch = await receive();
    for (const message of batch) {
      const run = process(message)
        .catch((error) => reportLostMessage(message, error))
        .finally(() => processing.delete(run));
      processing.add(run);
    }
    if (batch.length > 0) {
      delay.reset();
      while (processing.size > queues.newBatchThreshold) await Promise.race(processing);
    } else await sleep(delay.next(), undefined, { signal }).catch(() => {}); // Rejects only when told to stop.
  }
  await Promise.all(processing);

  async function receive(): Promise<DequeuedMessageItem[]> {
    try {
      const numberOfMessages = queues.batchSize;
      // Not cancelled by `signal`: a batch already on its way would be lost to everyone until its lease ends.
      const answer = await queue.receiveMessages({ numberOfMessages, visibilityTimeout: leaseSeconds });
      return answer.receivedMessageItems;
    } catch (error) {
      if (statusOf(error) !== 404) log('warning', `Queue ${queue.name} could not be read: ${textOf(error)}`);
      return [];
    }
  }

  async function process(message: DequeuedMessageItem): Promise<void> {
    const text = decode(message.messageText, queues.messageEncoding);
    if (text === undefined || message.dequeueCount > queues.maxDequeueCount) return moveToPoison(message);
    const lease = keepLease(message);
    let succeeded = false;
    try {
      await invoker.invoke({ function: fn, data: { string: text }, triggerMetadata: metadataOf(message, text) });
      succeeded = true;
    } catch {
      // The invoker has logged it; below, the message goes back to its queue or to the poison queue.
    }
    await lease.end();
    if (succeeded) await queue.deleteMessage(message.messageId, message.popReceipt);
    else if (poison && message.dequeueCount >= queues.maxDequeueCount) await moveToPoison(message);
    else await queue.updateMessage(message.messageId, message.popReceipt, undefined, queues.visibilityTimeoutSeconds);
  }

  /** Keeps a message hidden for as long as its function runs, at most twice as often as needed. */
  function keepLease(message: DequeuedMessageItem): { end(): Promise<void> } {
    let renewal = Promise.resolve();
    const renew = async () => {
      const renewed = await queue.updateMessage(message.messageId, message.popReceipt, undefined, leaseSeconds);
      message.popReceipt = renewed.popReceipt ?? message.popReceipt;
    };
    const timer = setInterval(() => {
      renewal = renewal
        .then(renew)
        .catch((error) => log('warning', `Lease of message ${message.messageId} not renewed: ${textOf(error)}`));
    }, leaseSeconds * 500);
    return {
      end() {
        clearInterval(timer);
        return renewal;
      },
    };
  }

  async function moveToPoison(message: DequeuedMessageItem): Promise<void> {
    if (!poison) return;
    log('warning', `Message ${message.messageId} failed ${queues.maxDequeueCount} times: moved to ${poison.name}.`);
    await poison.createIfNotExists();
    await poison.sendMessage(message.messageText);
    await queue.deleteMessage(message.messageId, message.popReceipt);
  }

  function reportLostMessage(message: DequeuedMessageItem, error: unknown): void {
    // 404: the lease ran out and another worker has the message now.
    const level = statusOf(error) === 404 ? 'debug' : 'warning';
    log(level, `Message ${message.messageId} could not be settled; it will be delivered again: ${textOf(error)}`);
  }
}

/** The text of a message; undefined when it is not what the encoding promises. */
function decode(text: string, encoding: QueueSettings['messageEncoding']): string | undefined {
  if (encoding === 'none') return text;
  const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  return base64.test(text) ? Buffer.from(text, 'base64').toString() : undefined;
}

function metadataOf(message: DequeuedMessageItem, text: string): Record<string, TypedData> {
  return {
    QueueTrigger: { string: text },
    Id: { string: message.messageId },
    PopReceipt: { string: message.popReceipt },
    DequeueCount: { json: String(message.dequeueCount) },
    InsertionTime: { json: JSON.stringify(message.insertedOn) },
    ExpirationTime: { json: JSON.stringify(message.expiresOn) },
    NextVisibleTime: { json: JSON.stringify(message.nextVisibleOn) },
  };
}

function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}
