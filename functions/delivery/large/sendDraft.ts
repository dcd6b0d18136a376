/**
 * Sending a draft, once or again. Its id is in the state before `send` is called, and from then on the draft itself tells
 * what became of it: not a draft any more, it was sent; still one after two minutes, it was not.
 */
import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { EventAttributes } from '../../wiring/relayEvents.ts';
import type { GraphOutcome } from '../graphOutcome.ts';
import type { ClaimKeeper } from './claimKeeper.ts';
import type { DraftCalls } from './draftCalls.ts';
import type { Failure } from './step.ts';

/** A sent draft may still look like one, or be nowhere to be seen, for this long. */
export const SETTLING_MS = 2 * 60_000;

/** A draft is not deleted for this long after it was to be sent. */
const KEEP_TRIED_MS = 24 * 60 * 60_000;

export interface AttemptEnd {
  readonly outcome: GraphOutcome;
  readonly trace: EventAttributes;
  /** What else changes in the record, in the one write that settles the attempt. */
  readonly changes?: Partial<MessageStateRecord>;
}

/** What a draft that was already to be sent once has become; `end` where that decides the attempt. */
export type DraftFate = { readonly kind: 'sendAgain' | 'gone' } | { readonly kind: 'end'; readonly end: AttemptEnd };

/** Looks at the draft that an earlier attempt meant to send. */
export async function fateOf(calls: DraftCalls, record: MessageStateRecord, now = Date.now()): Promise<DraftFate> {
  const { draftId, draftSendAt } = record;
  const found = await calls.isDraft(draftId!);
  if (!found.ok) return { kind: 'end', end: { ...found, outcome: notSeen(found.outcome, draftSendAt) } };
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
  const draftSendAt = new Date().toISOString();
  const others = triedLately(claim.current.record).filter(({ id }) => id !== draftId);
  const triedDrafts = [...others, { id: draftId, at: draftSendAt }];
  if (!(await claim.write({ draftId, draftSendAt, triedDrafts }))) return CLAIM_LOST;
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
  const changes = { draftSendAt: undefined, ...(elsewhere && { draftId: null }) };
  if (outcome.kind === 'reject') return { outcome: { ...outcome, tooLarge: false }, trace, changes };
  return { outcome, trace, changes };
}

/** Drafts that were to be sent within the last day: what looks like a draft may be on its way all the same. */
export function triedLately({ triedDrafts = [] }: MessageStateRecord, now = Date.now()) {
  return triedDrafts.filter(({ at }) => Date.parse(at) > now - KEEP_TRIED_MS);
}

/** The mailbox could not be looked into. While the draft may have been sent, that is no verdict on the mail. */
function notSeen(outcome: Failure, draftSendAt: string | undefined): Failure {
  if (outcome.kind !== 'reject' || draftSendAt === undefined) return outcome;
  const reason = `${outcome.code}: ${outcome.reason} (when the draft that may have been sent was looked for)`;
  return { kind: 'retry', class: 'operator', reason };
}

function lookAgain(reason: string, afterMs: number): AttemptEnd {
  return { outcome: { kind: 'retry', class: 'refused', reason, afterMs }, trace: {} };
}

/** The mail is somebody else's now; whatever is settled under the old claim changes nothing. */
export const CLAIM_LOST: AttemptEnd = {
  outcome: { kind: 'retry', class: 'refused', reason: 'The claim on the mail was lost.' },
  trace: {},
};
