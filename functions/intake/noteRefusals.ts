/**
 * Refused credentials and senders become events, so that somebody who tries out a stolen key, or an application that was
 * set up wrongly, is seen. At most one a minute of each kind, with how many there were: a flood must not become one of
 * telemetry.
 */
import type { ProblemName } from '../contract/relayProtocol.ts';
import type { RelayEvents } from '../wiring/relayEvents.ts';
import type { Refusal } from './problems.ts';

const MINUTE_MS = 60_000;
const NOTED: readonly ProblemName[] = ['unauthorized', 'forbidden', 'sender-refused', 'recipient-refused'];

/** Notes one refusal that a function answers with; `caller` where the credential was that of one. */
export type NoteRefusal = (refusal: Refusal, functionName: string, caller?: string) => void;

/** @param now milliseconds of a clock that does not jump */
export function createRefusalNotes(
  events: Pick<RelayEvents, 'refused'>,
  now: () => number = () => performance.now(),
): NoteRefusal {
  const kinds = new Map<string, { toldAt: number; untold: number }>();
  return ({ problem }, functionName, caller) => {
    if (!NOTED.includes(problem)) return;
    // Functions, problems and callers are few, and none of the three comes from a stranger.
    const kind = JSON.stringify([functionName, problem, caller]);
    const known = kinds.get(kind) ?? { toldAt: Number.NEGATIVE_INFINITY, untold: 0 };
    known.untold++;
    kinds.set(kind, known);
    if (now() - known.toldAt < MINUTE_MS) return;
    events.refused(problem, functionName, known.untold, caller);
    kinds.set(kind, { toldAt: now(), untold: 0 });
  };
}
