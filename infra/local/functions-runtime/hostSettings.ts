import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How queue triggers poll, hide and give up; the `extensions.queues` part of host.json. */
export interface QueueSettings {
  /** Longest pause between two looks at an empty queue, in milliseconds. */
  readonly maxPollingIntervalMs: number;
  /** How long a message stays hidden after its function failed, in seconds. */
  readonly visibilityTimeoutSeconds: number;
  /** Messages fetched at once, 1 to 32. */
  readonly batchSize: number;
  /** The next batch is fetched once no more than this many messages are being processed. */
  readonly newBatchThreshold: number;
  /** After this many deliveries a message goes to the poison queue. */
  readonly maxDequeueCount: number;
  readonly messageEncoding: 'base64' | 'none';
}

/** What the local runtime honours of host.json. */
export interface HostSettings {
  /** First part of every route, without slashes. */
  readonly routePrefix: string;
  readonly queues: QueueSettings;
}

interface HostJson {
  extensions?: {
    http?: { routePrefix?: string };
    queues?: {
      maxPollingInterval?: string | number;
      visibilityTimeout?: string | number;
      batchSize?: number;
      newBatchThreshold?: number;
      maxDequeueCount?: number;
      messageEncoding?: string;
    };
  };
}

/** Reads host.json with the defaults of the Azure Functions host 4. */
export function readHostSettings(appDirectory: string): HostSettings {
  const { extensions = {} } = JSON.parse(readFileSync(join(appDirectory, 'host.json'), 'utf8')) as HostJson;
  const queues = extensions.queues ?? {};
  const batchSize = queues.batchSize ?? 16;
  return {
    routePrefix: (extensions.http?.routePrefix ?? 'api').replace(/^\/+|\/+$/g, ''),
    queues: {
      maxPollingIntervalMs: timeSpanMs(queues.maxPollingInterval ?? '00:01:00'),
      visibilityTimeoutSeconds: Math.round(timeSpanMs(queues.visibilityTimeout ?? 0) / 1000),
      batchSize,
      newBatchThreshold: queues.newBatchThreshold ?? Math.floor(batchSize / 2),
      maxDequeueCount: queues.maxDequeueCount ?? 5,
      messageEncoding: queues.messageEncoding?.toLowerCase() === 'none' ? 'none' : 'base64',
    },
  };
}

/** A .NET time span (`[d.]hh:mm:ss[.fff]`) or a number of milliseconds, in milliseconds. */
export function timeSpanMs(value: string | number): number {
  if (typeof value === 'number') return value;
  const parts = /^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(value);
  if (!parts) throw new Error(`host.json: "${value}" is not a time span like 00:01:00.`);
  const [, days = '0', hours, minutes, seconds] = parts;
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
