/** One attempt to send a large mail: plan, draft, attachments, send; or what is left of that after an earlier attempt. */
import type { Readable } from 'node:stream';
import { readHeaderBlock } from '../../mail/headerBlock.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { EventAttributes } from '../../wiring/relayEvents.ts';
import { HEADER_TOO_LONG } from '../composeMime.ts';
import type { GraphOutcome } from '../graphOutcome.ts';
import { mailFactsOf } from '../mailFacts.ts';
import { rewriteHeader } from '../rewriteHeader.ts';
import { type CallGate, createCallGate } from './callGate.ts';
import type { ClaimKeeper } from './claimKeeper.ts';
import { coverNote, ORIGINAL_NAME } from './coverNote.ts';
import type { LargeDeliveryOptions } from './deliverLarge.ts';
import { createDraftCalls, type DraftCalls } from './draftCalls.ts';
import { type DraftMessage, draftMessage } from './draftMessage.ts';
import { type DraftBody, type PlannedAttachment, planDraft } from './draftPlan.ts';
import { createDraftUpload, type DraftUpload, uploadParts, uploadWhole } from './draftUpload.ts';
import { createProgress, type Progress } from './progress.ts';
import { type AttemptEnd, fateOf, sendDraft, triedLately } from './sendDraft.ts';
import { failedStep, type Step } from './step.ts';
import { openMail, withoutHiddenRecipients } from './storedMail.ts';

/** Longest one attempt may take; the function's own limit is half an hour. */
const ATTEMPT_LIMIT_MS = 20 * 60_000;

/** Graph answers a creation with the whole draft, in which each character may take six; a longer body is set afterwards. */
const MAX_BODY_AT_CREATION = 150_000;
const NO_BODY: DraftBody = { contentType: 'text', content: '' };

export interface Attempt {
  readonly options: LargeDeliveryOptions;
  readonly claim: ClaimKeeper;
  /** Opens the stored message from its beginning. */
  open(): Promise<Readable | undefined>;
  /** Whether mail of another mailbox waits for this attempt to end. */
  othersWait(): boolean;
}

export interface AttemptResult extends AttemptEnd {
  readonly uploadedBytes: number;
}

/** Makes the attempt; what goes wrong in it is an outcome, never an exception. */
export async function attemptDraft(attempt: Attempt): Promise<AttemptResult> {
  const { options, claim, othersWait } = attempt;
  const { windows, graph, events } = options;
  const { record } = claim.current;
  const deadline = AbortSignal.timeout(options.attemptLimitMs ?? ATTEMPT_LIMIT_MS);
  const signal = AbortSignal.any([claim.lost, deadline]);
  const onThrottled = (pauseMs: number) =>
    events.mailboxThrottled(record.mailbox, pauseMs, { reason: 'A large mail was throttled while it was uploaded.' });
  const { mailbox, attempts } = record;
  const gate = createCallGate({ windows, mailbox, signal, attempt: attempts, othersWait, onThrottled });
  const calls = createDraftCalls(graph, record.mailbox, gate);
  const progress = createProgress(events, record);
  const began = performance.now();
  let end: AttemptEnd;
  try {
    end = (await earlierDraft(attempt, calls)) ?? (await newDraft({ ...attempt, calls, gate, progress }));
  } catch (error) {
    if (!signal.aborted) events.trouble('An attempt broke off.', { id: record.id, error: String(error) });
    end = broken(`The attempt broke off: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (deadline.aborted && isBrokenOff(end)) end = broken('The upload took too long and was broken off.');
  const { bytes: uploadedBytes } = progress;
  const trace: EventAttributes = { via: 'draft', uploadedBytes, uploadMs: Math.round(performance.now() - began) };
  return { ...end, outcome: spread(end.outcome), trace: { ...trace, ...end.trace }, uploadedBytes };
}

/**
 * Up to a fifth later than Graph asked for, never earlier: processes that were throttled together do not start their
 * uploads together again.
 */
function spread(outcome: GraphOutcome): GraphOutcome {
  if (outcome.kind !== 'retry' || outcome.class !== 'throttled' || outcome.afterMs === undefined) return outcome;
  return { ...outcome, afterMs: Math.round(outcome.afterMs * (1 + 0.2 * Math.random())) };
}

/** Whether the deadline may be what ended it: a verdict of Graph's, or a draft to be looked at later, is more than that. */
function isBrokenOff({ outcome }: AttemptEnd): boolean {
  return outcome.kind === 'retry' && outcome.class === 'refused' && outcome.afterMs === undefined;
}

/** What is to be done about a draft that an earlier attempt meant to send; undefined when a new one is needed. */
async function earlierDraft({ options, claim }: Attempt, calls: DraftCalls): Promise<AttemptEnd | undefined> {
  const { record } = claim.current;
  const { draftId, draftSendAt } = record;
  if (draftId === null) return undefined;
  const fate = await fateOf(calls, record);
  if (fate.kind === 'end') return fate.end;
  if (fate.kind === 'sendAgain') return sendDraft(calls, claim, draftId);
  // Graph had refused to send it: whoever deleted it, it never went out.
  if (draftSendAt === undefined) return undefined;
  // Somebody deleted it, or it was sent and deleted: nobody knows. The record goes on naming it until the policy has
  // spoken, or until a new draft takes its place: who comes after a process that dies here asks the same question again.
  const reason = 'DraftGone: the draft that was to be sent is not in the mailbox any more.';
  if (options.settings.AMBIGUOUS_SEND !== 'resend') {
    const changes = { draftId: null, draftSendAt: undefined, claim: { ...record.claim!, since: record.acceptedAt } };
    return { outcome: { kind: 'retry', class: 'ambiguous', reason }, trace: {}, changes };
  }
  options.events.duplicateRisk(record, reason);
  return undefined;
}

interface NewDraft extends Attempt {
  readonly calls: DraftCalls;
  readonly gate: CallGate;
  readonly progress: Progress;
}

async function newDraft(making: NewDraft): Promise<AttemptEnd> {
  const { options, claim, calls, gate, progress } = making;
  const { settings } = options;
  const planned = await planMail(making);
  if (!('message' in planned)) return planned;
  const { message, attachments } = planned;

  const cleared = await removeLeftovers(calls, claim.current.record);
  if (!cleared.ok) return cleared;
  const bodyLater = JSON.stringify(message.body).length > MAX_BODY_AT_CREATION;
  const created = await calls.create(bodyLater ? { ...message, body: NO_BODY } : message);
  if (!created.ok) return created;
  const draftId = created.value;
  progress.expect(attachments);
  const upload = createDraftUpload({
    calls,
    gate,
    draftId,
    graphBaseUrl: settings.GRAPH_BASE_URL,
    uploadHosts: settings.GRAPH_UPLOAD_HOSTS,
    timeoutMs: settings.GRAPH_TIMEOUT_SECONDS * 1000,
    onArrived: progress.arrived,
  });
  let uploaded: Step<void> | undefined;
  try {
    uploaded = bodyLater ? await calls.setBody(draftId, message.body) : undefined;
    if (uploaded?.ok !== false) uploaded = await uploadAll(making, planned, upload);
  } finally {
    // It has not been sent and will not be. Where this fails too, the next attempt finds it by its mark.
    if (!uploaded?.ok) await calls.remove(draftId);
  }
  return uploaded.ok ? sendDraft(calls, claim, draftId) : uploaded;
}

interface PlannedMail {
  readonly message: DraftMessage;
  readonly attachments: readonly PlannedAttachment[];
  /** Whether the one attachment is the message itself. */
  readonly whole: boolean;
}

/** The first pass: what the draft will be, or why there will be none. */
async function planMail({ options, claim, open }: Attempt): Promise<PlannedMail | AttemptEnd> {
  const { settings, events } = options;
  const { record } = claim.current;
  const stored = await open();
  if (!stored) return rejected('BodyMissing', 'The stored message is gone. It cannot be sent.');
  const mail = await openMail(stored);
  try {
    const facts = mail.block && mailFactsOf(record, mail.block, settings);
    if (!mail.block) return rejected('HeaderUnreadable', 'The header of the stored message cannot be read.');
    if (!facts)
      return rejected(
        'NoSender',
        'Nothing in the mail names a sender, and DEFAULT_SENDER is not set any more. Set it and retry the mail.',
      );
    const header = readHeaderBlock(rewriteHeader(mail.block, facts), true);
    if (!header) return rejected(HEADER_TOO_LONG.code, HEADER_TOO_LONG.reason);
    const draft = { header, messageId: draftMessageId(record), mark: markOf(record) };
    const plan = await planDraft(mail.block, mail.forParser);
    if (plan.kind === 'draft')
      return { message: draftMessage(draft, plan.body), attachments: plan.attachments, whole: false };
    events.unrewritable(record, plan.kind, settings.UNREWRITABLE);
    if (settings.UNREWRITABLE === 'fail')
      return rejected(
        'UnrewritableMessage',
        `The message is too large for one request, and a draft would damage it, because ${plan.why}. With UNREWRITABLE=attach it would go as an attachment.`,
      );
    const original: PlannedAttachment = {
      name: ORIGINAL_NAME,
      contentType: 'message/rfc822',
      contentId: '',
      isInline: false,
      size: withoutHiddenRecipients(mail).size(record.size),
      sha256: undefined,
    };
    return { message: draftMessage(draft, coverNote(plan)), attachments: [original], whole: true };
  } finally {
    mail.close();
  }
}

/** The second pass. */
async function uploadAll({ open }: Attempt, planned: PlannedMail, upload: DraftUpload): Promise<Step<void>> {
  const stored = await open();
  if (!stored) return failedStep('The stored message went away while it was being sent.');
  const mail = await openMail(stored);
  try {
    const [first] = planned.attachments;
    if (planned.whole) return await uploadWhole(upload, first!, withoutHiddenRecipients(mail).bytes);
    return first ? await uploadParts(upload, planned.attachments, mail.forParser) : { ok: true, value: undefined };
  } finally {
    mail.close();
  }
}

/** Drafts of this mail that an earlier attempt left half built. Those that were to be sent, the state knows. */
async function removeLeftovers(calls: DraftCalls, record: MessageStateRecord): Promise<Step<void>> {
  const found = await calls.findMarked(draftMessageId(record), markOf(record));
  if (!found.ok) return found;
  const tried = new Set(triedLately(record).map(({ id }) => id));
  for (const draftId of found.value) {
    if (tried.has(draftId)) continue;
    const removed = await calls.remove(draftId);
    if (!removed.ok) return removed;
  }
  return { ok: true, value: undefined };
}

function markOf({ caller, id }: MessageStateRecord): string {
  return `${caller}/${id}`;
}

/** The mail's own Message-ID where Graph can carry it, else one that is made of the id. */
export function draftMessageId({ messageId, id }: MessageStateRecord): string {
  return /^<[\x21-\x3b\x3d\x3f-\x7e]+>$/.test(messageId) ? messageId : `<${id}@relay.invalid>`;
}

function broken(reason: string): AttemptEnd {
  return { outcome: { kind: 'retry', class: 'refused', reason }, trace: {} };
}

function rejected(code: string, reason: string): AttemptEnd {
  return { outcome: { kind: 'reject', code, reason }, trace: {} };
}
