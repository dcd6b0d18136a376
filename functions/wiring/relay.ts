/** The composition root of the cloud half: settings become one relay per process, made at the first need. */
import { hostname } from 'node:os';
import { createGraphClient } from '../delivery/graphClient.ts';
import type { LargeDeliveryOptions } from '../delivery/large/deliverLarge.ts';
import { createLargeMailSeats } from '../delivery/large/largeMailSeats.ts';
import { createMailboxWindows } from '../delivery/mailboxWindows.ts';
import { graphTokenSource } from '../delivery/tokenSource.ts';
import type { IntakeOptions } from '../intake/acceptMessage.ts';
import { createDeliveryQueues } from '../storage/deliveryQueue.ts';
import { createBlobMessageStore } from '../storage/messageStore.ts';
import { openMailStorage } from './mailStorage.ts';
import { consoleSink, createRelayEvents, type RelayEvents } from './relayEvents.ts';
import { readSettings, type Settings } from './settings.ts';

export interface Relay extends IntakeOptions, LargeDeliveryOptions {}

/** Read at start: a wrong setting stops the app there, with all problems in one message. */
export const settings: Settings = readSettings(process.env);

export const events: RelayEvents = createRelayEvents(consoleSink, settings.ADDRESS_PRIVACY);

let made: Promise<Relay> | undefined;

/** The relay of this process. */
export function relay(): Promise<Relay> {
  made ??= makeRelay();
  return made;
}

async function makeRelay(): Promise<Relay> {
  const { blobs, queues } = await openMailStorage(settings);
  return {
    settings,
    events,
    store: createBlobMessageStore(blobs),
    queues: createDeliveryQueues(queues),
    graph: createGraphClient({
      baseUrl: settings.GRAPH_BASE_URL,
      token: graphTokenSource(settings),
      timeoutMs: settings.GRAPH_TIMEOUT_SECONDS * 1000,
    }),
    windows: createMailboxWindows(settings.MAX_INSTANCES),
    seats: createLargeMailSeats(),
    fetch: globalThis.fetch,
    owner: `${hostname()}/${process.pid}`,
    pause: { askedAt: 0, paused: false },
  };
}
