// The events seen so far, in numbers, and the last thing that went wrong: for metrics and the heartbeat.
import { type EdgeEvents, type Report, withoutPeople } from '../events.ts';

export interface EventTally {
  readonly report: Report;
  /** How often each event happened. */
  readonly counts: ReadonlyMap<string, number>;
  /** Refusals by reply code. */
  readonly rejectsByCode: ReadonlyMap<number, number>;
  readonly acceptedBytes: number;
  readonly forwardedMilliseconds: number;
  /** In words, without addresses of people; null when nothing went wrong since the start. */
  readonly lastError: string | null;
  /** False from the beginning of an outage of the function app to its end. */
  readonly relayReachable: boolean;
  /** Whether this message was one of the last {@link REMEMBERED} that were forwarded. */
  readonly wasForwarded: (id: string) => boolean;
}

/** So many forwarded messages are remembered, for a person who waits for one. */
const REMEMBERED = 1000;

/** A {@link Report} that counts what passes through it to `next`. */
export function createEventTally(next: Report): EventTally {
  const counts = new Map<string, number>();
  const rejectsByCode = new Map<number, number>();
  const forwarded = new Set<string>();
  const tally = {
    wasForwarded: (id: string) => forwarded.has(id),
    counts,
    rejectsByCode,
    acceptedBytes: 0,
    forwardedMilliseconds: 0,
    lastError: null as string | null,
    relayReachable: true,
    report: (<Name extends keyof EdgeEvents>(event: Name, fields: EdgeEvents[Name]) => {
      const { id, bytes, milliseconds, reason, code, count } = fields as Record<string, unknown>;
      counts.set(event, (counts.get(event) ?? 0) + (typeof count === 'number' ? count : 1));
      if (event === 'edge.accepted') tally.acceptedBytes += Number(bytes);
      if (event === 'edge.forwarded') {
        tally.forwardedMilliseconds += Number(milliseconds);
        forwarded.add(String(id));
        if (forwarded.size > REMEMBERED) forwarded.delete(forwarded.values().next().value!);
      }
      if (event === 'edge.rejected') rejectsByCode.set(Number(code), (rejectsByCode.get(Number(code)) ?? 0) + 1);
      if (event === 'edge.relayUnreachable') tally.relayReachable = false;
      if (event === 'edge.relayReachable') tally.relayReachable = true;
      if (ERRORS.has(event)) tally.lastError = withoutPeople(`${event}: ${String(reason)}`).slice(0, 500);
      next(event, fields);
    }) as Report,
  };
  return tally;
}

const ERRORS: ReadonlySet<keyof EdgeEvents> = new Set([
  'edge.spoolError',
  'edge.error',
  'edge.relayUnreachable',
  'edge.failed',
  'edge.retrying',
] as const);
