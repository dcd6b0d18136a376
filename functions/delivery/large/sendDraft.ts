/**
 * Sending a draft, once or again. Its id is in the state before `send` is called, and from then on the draft itself tells
 * what became of it: not a draft any more, it was sent; still one after two minutes, it was not.
 */
import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { EventAttributes } from '../../wiring/relayEvents.ts';
import type { GraphOutcome } from '../graphOutcome.ts';
import type { ClaimKeeper } from './claimKeeper.ts';
import type { DraftCalls } from './draftCalls.ts';

/** A sent draft may still look like one, or be nowhere to be seen, for this long. */
export const SETTLING_MS = 2 * 60_000;

export interface AttemptEnd {
  readonly outcome: GraphOutcome;
  readonly trace: EventAttributes;
}

/** What a draft that was already to be sent once has become; `end` where that decides the attempt. */
export type DraftFate = { readonly kind: 'sendAgain' | 'gone' } | { readonly kind: 'end'; readonly end: AttemptEnd };

/** Looks at the draft that an earlier attempt meant to send. */
export async function fateOf(calls: DraftCalls, record: MessageStateRecord, now = Date.now()): Promise<DraftFate> {
  const { draftId, draftSendAt } = record;
  const found = await calls.isDraft(draftId!);
  if (!found.ok) return { kind: 'end', end: found };
  if (found.value === false) return { kind: 'end', end: { outcome: { kind: 'accepted' }, trace: { foundSent: true } } };
  const waitMs = draftSendAt ? Date.parse(draftSendAt) + SETTLING_MS - now : 0;
  if (waitMs > 0) return { kind: 'end', end: lookAgain(record.reason ?? 'The draft may have been sent.', waitMs) };
  return { kind: found.value ? 'sendAgain' : 'gone' };
}

/**
 * Sends the draft; the attempt to do so is written down first. Where the answer leaves the outcome open, the draft is
 * looked at at once, and otherwise again in two minutes.
 */
export async function sendDraft(calls: DraftCalls, claim: ClaimKeeper, draftId: string): Promise<AttemptEnd> {
  if (!(await claim.write({ draftId, draftSendAt: new Date().toISOString() }))) return CLAIM_LOST;
  const { outcome, trace } = await calls.send(draftId);
  if (outcome.kind === 'accepted') return { outcome, trace };
  if (outcome.kind === 'retry' && outcome.class === 'ambiguous') {
    const found = await calls.isDraft(draftId);
    if (found.ok && found.value === false)
      return { outcome: { kind: 'accepted' }, trace: { ...trace, foundSent: true } };
    return { ...lookAgain(outcome.reason, SETTLING_MS), trace };
  }
  // Graph said no: the draft was not sent, and may be sent as soon as the reason is gone. Another mailbox cannot see it.
  const elsewhere = outcome.kind === 'reject' && outcome.mailboxAtFault;
  await claim.write({ draftSendAt: undefined, ...(elsewhere && { draftId: null }) });
  if (outcome.kind === 'reject') return { outcome: { ...outcome, tooLarge: false }, trace };
  return { outcome, trace };
}

function lookAgain(reason: string, afterMs: number): AttemptEnd {
  return { outcome: { kind: 'retry', class: 'refused', reason, afterMs }, trace: {} };
}

/** The mail is somebody else's now; whatever is settled under the old claim changes nothing. */
export const CLAIM_LOST: AttemptEnd = {
  outcome: { kind: 'retry', class: 'refused', reason: 'The claim on the mail was lost.' },
  trace: {},
};
