// Moves mail from the spool to the function app: oldest due first, a bounded number at once.
import { retryDelayMs } from '../../../functions/contract/retrySchedule.ts';
import type { Report } from '../events.ts';
import { DamagedMessageError, type QueuedEntry, type Settlement, type Spool } from '../spool/spool.ts';
import { createOutageGate } from './outageGate.ts';
import { mayBeTransfer } from './readVerdict.ts';
import type { RelayClient } from './relayClient.ts';

const DAY = 24 * 60 * 60 * 1000;
/** The edge gives up after so long and so many attempts, both: a clock that jumps expires nothing. */
const GIVE_UP_AFTER_MS = 5 * DAY;
const GIVE_UP_AFTER_ATTEMPTS = 50;
/**
 * The cloud remembers what it sent for 35 days; forwarding an older mail could send it twice. It takes as many attempts
 * besides: a box that started in 1970 and found its time server has mail that only looks so old.
 */
const NEVER_FORWARD_AFTER_MS = 28 * DAY;
/** What the relay asks for with `Retry-After` is granted up to this: no answer parks a mail for years. */
const LONGEST_WAIT_MS = 3_600_000;
/** How many messages are remembered as held up by an outage. */
const MOST_VICTIMS = 1000;
/** The timer looks at least this often, whatever it was told. */
const LONGEST_SLEEP_MS = 60_000;

export interface ForwarderOptions {
  readonly spool: Spool;
  readonly client: RelayClient;
  readonly parallel: number;
  readonly report: Report;
  /** Never jumps: it says what is due. */
  readonly now: () => number;
  /** What people call the time: a message was received by it. */
  readonly wall?: () => number;
  readonly random?: () => number;
  /** Tells the sender of a message that finally failed. */
  readonly reportFailure: (id: string, code: string, reason: string) => Promise<void>;
}

export interface Forwarder {
  start(): void;
  /** Takes no further message and waits for those under way, for up to `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { spool, client, parallel, report, now, wall = now, reportFailure, random = Math.random } = options;
  const active = new Set<Promise<void>>();
  const gate = createOutageGate(parallel);
  /** Messages whose last failure belongs to the outage: they need not sit out their wait when it ends. */
  const victims = new Set<string>();
  let running = false;
  let timer: NodeJS.Timeout | undefined;

  function pump(): void {
    if (!running) return;
    while (active.size < gate.allowed(now())) {
      const entry = spool.take(now());
      if (!entry) break;
      const work = forward(entry).catch((error: unknown) => report('edge.error', { reason: String(error) }));
      active.add(work);
      void work.then(() => {
        active.delete(work);
        pump();
      });
    }
    clearTimeout(timer);
    const due = Math.max(spool.nextDue() ?? Number.POSITIVE_INFINITY, gate.opensAt ?? 0);
    const sleep = active.size >= gate.allowed(due) ? LONGEST_SLEEP_MS : due - now();
    timer = setTimeout(pump, Math.max(1, Math.min(sleep, LONGEST_SLEEP_MS)));
  }

  async function forward(entry: QueuedEntry): Promise<void> {
    const started = now();
    const firstTriedAt = entry.firstTriedAt ?? started;
    if (started - firstTriedAt > NEVER_FORWARD_AFTER_MS && entry.attempts >= GIVE_UP_AFTER_ATTEMPTS) {
      return fail(
        entry,
        entry.attempts,
        'expired',
        'It was first tried more than 28 days ago; retrying needs a person.',
      );
    }
    let message: Awaited<ReturnType<Spool['open']>>;
    try {
      message = await spool.open(entry);
    } catch (error) {
      if (error instanceof DamagedMessageError) return report('edge.spoolError', { reason: error.message });
      return retry(entry, firstTriedAt, { reason: `The spool cannot be read: ${String(error)}` });
    }
    const outcome = await client
      .submit(entry.id, message, entry.attempts > 0)
      .finally(() => message.close().catch((error: unknown) => report('edge.spoolError', { reason: String(error) })));
    if (outcome.kind === 'retry') {
      victims.add(entry.id);
      if (victims.size > MOST_VICTIMS) victims.delete(victims.values().next().value!);
      if (gate.failed(now(), outcome.afterMs)) report('edge.relayUnreachable', { reason: outcome.reason });
      return retry(entry, firstTriedAt, outcome);
    }
    victims.delete(entry.id);
    if (gate.succeeded()) endOutage();
    if (outcome.kind === 'reject') {
      const { code, reason } = outcome;
      if (mayBeTransfer(outcome, entry.attempts + 1))
        return retry(entry, firstTriedAt, { reason: `${code}, ${reason} Something on the way may have changed it` });
      return fail(entry, entry.attempts + 1, code, reason);
    }
    await settle(entry, { kind: 'forwarded' });
    report('edge.forwarded', {
      id: entry.id,
      attempts: entry.attempts + 1,
      bytes: entry.bytes,
      waitedSeconds: Math.max(0, Math.round((wall() - (now() - started) - entry.queuedAt) / 1000)),
      milliseconds: now() - started,
    });
  }

  function endOutage(): void {
    const ids = [...victims];
    victims.clear();
    report('edge.relayReachable', { queued: spool.counts().queued });
    spool.expedite(ids);
  }

  async function retry(entry: QueuedEntry, firstTriedAt: number, why: { reason: string; afterMs?: number }) {
    const attempts = entry.attempts + 1;
    if (now() - firstTriedAt > GIVE_UP_AFTER_MS && attempts >= GIVE_UP_AFTER_ATTEMPTS)
      return fail(entry, attempts, 'expired', `Given up after ${attempts} attempts. The last one: ${why.reason}`);
    const delay = Math.max(retryDelayMs(attempts, random), Math.min(why.afterMs ?? 0, LONGEST_WAIT_MS));
    await settle(entry, { kind: 'retry', attempts, due: now() + delay, firstTriedAt });
    report('edge.retrying', { id: entry.id, attempts, inSeconds: Math.round(delay / 1000), reason: why.reason });
  }

  async function fail(entry: QueuedEntry, attempts: number, code: string, reason: string): Promise<void> {
    victims.delete(entry.id);
    if (!(await settle(entry, { kind: 'failed', attempts, code, reason }))) return;
    report('edge.failed', { id: entry.id, attempts, code, reason });
    await reportFailure(entry.id, code, reason).catch((error: unknown) =>
      report('edge.error', { reason: `Message ${entry.id} failed and its sender could not be told: ${error}` }),
    );
  }

  /** False when the spool could not write it down: that costs one more attempt, never a mail. */
  async function settle(entry: QueuedEntry, settlement: Settlement): Promise<boolean> {
    try {
      await spool.settle(entry, settlement);
      return true;
    } catch (error) {
      report('edge.spoolError', { reason: `Message ${entry.id}, ${settlement.kind}: ${String(error)}` });
      return false;
    }
  }

  spool.onQueued(pump);
  return {
    start() {
      running = true;
      pump();
    },
    async stop(graceMs) {
      running = false;
      clearTimeout(timer);
      const grace = new Promise((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([Promise.allSettled(active), grace]);
    },
  };
}
