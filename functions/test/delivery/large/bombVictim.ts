// A process that delivers one mail bomb, and a small mail beside it, and says what that did to it. Its memory is its own:
// the bomb is made while it is read, and Graph is elsewhere.
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { deliverMessage } from '../../../delivery/deliverMessage.ts';
import { createGraphClient } from '../../../delivery/graphClient.ts';
import { deliverLarge, type LargeDeliveryOptions } from '../../../delivery/large/deliverLarge.ts';
import { createLargeMailSeats } from '../../../delivery/large/largeMailSeats.ts';
import { createMailboxWindows } from '../../../delivery/mailboxWindows.ts';
import { wakeUpOf } from '../../../storage/wakeUp.ts';
import { createRelayEvents } from '../../../wiring/relayEvents.ts';
import { readSettings } from '../../../wiring/settings.ts';
import { createMemoryQueues, createMemoryStore } from '../../storage/memoryStore.ts';
import { aRecord } from '../../storage/messageStoreContract.ts';
import { bombNamed } from './mailBombs.ts';

/** What became of the bomb, of the mail beside it, and of the process. */
export interface BombReport {
  readonly state: string;
  readonly reason: string;
  /** Why it went whole, as an attachment; empty when it became a draft of its own. */
  readonly unrewritable: string;
  readonly beside: string;
  readonly ms: number;
  readonly longestPauseMs: number;
  readonly peakMb: number;
}

const [graphUrl, what] = process.argv.slice(2) as [string, string];
const settings = readSettings({
  MailStorage: 'unused',
  GRAPH_BASE_URL: graphUrl,
  GRAPH_CREDENTIAL: 'none',
  LARGE_MAIL: 'on',
  MAX_MESSAGE_BYTES: '150000000',
  MAX_INSTANCES: '1',
});
const { bytes } = bombNamed(what);
let size = 0;
for (const chunk of bytes()) size += chunk.length;

const store = createMemoryStore();
const unrewritable: string[] = [];
const events = createRelayEvents((name, _severity, attributes) => {
  if (name === 'relay.unrewritable') unrewritable.push(String(attributes.kind));
}, 'full');
const bomb = aRecord({ size, messageId: '<bomb@contoso.com>' });
const small = aRecord({ from: 'door@contoso.com', mailbox: 'door@contoso.com', messageId: '<small@contoso.com>' });
const options: LargeDeliveryOptions = {
  settings,
  // The bomb's last bytes come only when the small mail is sent: whatever reads the bomb is at work until then.
  store: {
    ...store,
    openBody: async (key) => (key.id === bomb.id ? Readable.from(untilSmallIsSent()) : store.openBody(key)),
  },
  queues: createMemoryQueues(),
  graph: createGraphClient({
    baseUrl: graphUrl,
    token: { get: async () => 'token', forget: () => {} },
    timeoutMs: settings.GRAPH_TIMEOUT_SECONDS * 1000,
  }),
  windows: createMailboxWindows(settings.MAX_INSTANCES),
  events,
  owner: 'victim/1',
  pause: { askedAt: 0, paused: false },
  seats: createLargeMailSeats(),
};

let smallSent: Promise<void> | undefined;
async function* untilSmallIsSent(): AsyncGenerator<Buffer> {
  smallSent ??= deliverMessage(options, wakeUpOf(small));
  let last: Buffer | undefined;
  for (const chunk of bytes()) {
    if (last) yield last;
    last = chunk;
  }
  await smallSent;
  if (last) yield last;
}

async function deliverBoth(): Promise<BombReport> {
  const body = store.newBody(small);
  await body.write(
    Buffer.from('From: door@contoso.com\r\nTo: bob@contoso.com\r\nSubject: small\r\n\r\nThe door is open.\r\n'),
  );
  await body.commit('c'.repeat(64));
  await store.createState(small);
  await store.createState(bomb);

  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  // It counts from one look to the next: what stands still before its first, it does not see.
  while (delay.count === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const began = performance.now();
  await deliverLarge(options, wakeUpOf(bomb));
  const ms = Math.round(performance.now() - began);
  delay.disable();
  await smallSent;
  const { state, reason } = (await store.readState(bomb))!.record;
  return {
    state,
    reason: reason ?? '',
    unrewritable: unrewritable.join(),
    beside: (await store.readState(small))!.record.state,
    ms,
    longestPauseMs: Math.round(delay.max / 1e6),
    peakMb: Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 0.001024),
  };
}

deliverBoth().then((report) => process.send!(report, () => process.exit()));
