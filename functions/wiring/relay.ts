/** The composition root of the cloud half: settings become one relay per process, made at the first need. */
import { hostname } from 'node:os';
import { createGraphClient } from '../delivery/graphClient.ts';
import type { LargeDeliveryOptions } from '../delivery/large/deliverLarge.ts';
import { createLargeMailSeats } from '../delivery/large/largeMailSeats.ts';
import { createMailboxWindows } from '../delivery/mailboxWindows.ts';
import { graphTokenSource, type TokenSource } from '../delivery/tokenSource.ts';
import type { AuthenticationOptions } from '../intake/authenticate.ts';
import type { PartOptions } from '../intake/messageParts.ts';
import { createRateLimits, type RateLimits } from '../intake/rateLimit.ts';
import { createDeliveryQueues } from '../storage/deliveryQueue.ts';
import { createEdgeSightings, type EdgeSightings } from '../storage/edgeSightings.ts';
import { createBlobMessageStore } from '../storage/messageStore.ts';
import { createBlobPartStore } from '../storage/partStore.ts';
import { createEntraTokens } from './entraTokens.ts';
import { openMailStorage } from './mailStorage.ts';
import { createRelayEvents, type RelayEvents } from './relayEvents.ts';
import { readSettings, type Settings } from './settings.ts';
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts';
import { untilMade } from './untilMade.ts';

export interface Relay extends PartOptions, LargeDeliveryOptions {
  readonly limits: RateLimits;
  readonly edges: EdgeSightings;
  /** Signs in to Graph. */
  readonly token: TokenSource;
}

/** Read at start: a wrong setting stops the app there, with all problems in one message. */
export const settings: Settings = readSettings(process.env);

export const telemetry: Telemetry = createTelemetry(settings, process.env);

export const events: RelayEvents = createRelayEvents(telemetry.sink, settings.ADDRESS_PRIVACY);

/** How callers prove who they are. */
export const authentication: AuthenticationOptions = {
  callers: settings.callers,
  entra:
    settings.ENTRA_TENANT_ID && settings.ENTRA_AUDIENCE
      ? createEntraTokens({
          tenantId: settings.ENTRA_TENANT_ID,
          audiences: settings.ENTRA_AUDIENCE,
          authority: settings.ENTRA_AUTHORITY,
        })
      : undefined,
};

/** The relay of this process. */
export const relay: () => Promise<Relay> = untilMade(makeRelay);

async function makeRelay(): Promise<Relay> {
  const [{ blobs, queues }] = await Promise.all([openMailStorage(settings), telemetry.start()]);
  const token = graphTokenSource(settings);
  return {
    settings,
    events,
    store: createBlobMessageStore(blobs),
    queues: createDeliveryQueues(queues),
    parts: createBlobPartStore(blobs),
    edges: createEdgeSightings(blobs),
    limits: createRateLimits(),
    token,
    graph: createGraphClient({
      baseUrl: settings.GRAPH_BASE_URL,
      token,
      timeoutMs: settings.GRAPH_TIMEOUT_SECONDS * 1000,
    }),
    windows: createMailboxWindows(settings.MAX_INSTANCES),
    seats: createLargeMailSeats(),
    owner: `${hostname()}/${process.pid}`,
    pause: { askedAt: 0, paused: false },
  };
}
