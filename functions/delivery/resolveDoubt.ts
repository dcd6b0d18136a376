/**
 * `AMBIGUOUS_SEND=check`: before a mail whose last attempt ended unknown is sent again, the mailbox is looked into, after
 * 2 minutes and once more after 10. Only then is it sent again, with a warning.
 */
import { retryDelayMs } from '../contract/retrySchedule.ts';
import { readHeaderBlock } from '../mail/headerBlock.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { StoredState } from '../storage/messageStore.ts';
import type { DeliveryOptions } from './deliverMessage.ts';
import { decodedSubject, lookForSent } from './lookForSent.ts';
import { settle, waitUntil } from './settle.ts';
import { sharesMessageId } from './sharedMessageIds.ts';

type Doubt = NonNullable<MessageStateRecord['doubt']>;

const MINUTE = 60_000;
/** A mail that was sent shows up in Sent Items within this. */
export const FIRST_LOOK_MS = 2 * MINUTE;
const SECOND_LOOK_MS = 10 * MINUTE;
/** Failed looks after which the mail is held: about a day's worth. */
const MAX_FAILED_LOOKS = 20;

/** By what a mail is known in the mailbox. */
export interface Carried {
  readonly messageId: string;
  /** Decoded, as Exchange shows it. */
  readonly subject: string;
}

/**
 * `send`: the doubt is over, the mail was not sent as far as anybody can see. `settled`: nothing more to do now.
 *
 * @param message the beginning of the message that was to be sent, its header at least
 * @param carried what the mail was given on its way where that is not what its header says: a draft may get another
 *   Message-ID
 */
export async function resolveDoubt(
  options: DeliveryOptions,
  current: StoredState,
  message: Buffer,
  carried: Partial<Carried> = {},
): Promise<'send' | 'settled'> {
  const { graph, store } = options;
  const { record } = current;
  const { doubt, mailbox } = record;
  if (!doubt) return 'send';
  if (await sharesMessageId(store, record)) return 'send';
  const { messageId = record.messageId, subject = subjectOf(message) } = carried;
  const finding = await lookForSent(graph, { mailbox, messageId, subject, since: doubt.since, until: doubt.until });
  if (finding.kind === 'found') {
    await settle(options, current, { kind: 'accepted' }, { ...finding.trace, foundByCheck: true });
    return 'settled';
  }
  if (finding.kind === 'unknown') {
    await lookAgain(options, current, doubt, finding.outcome.reason);
    return 'settled';
  }
  if (doubt.looks > 0) return 'send';
  await waitUntil(options, current, { ...record, doubt: { ...doubt, looks: 1 } }, SECOND_LOOK_MS);
  return 'settled';
}

/** Looking failed: the mailbox is not at fault and sends on; after a few times a person has to decide about the mail. */
async function lookAgain(options: DeliveryOptions, current: StoredState, doubt: Doubt, why: string): Promise<void> {
  const { store, events } = options;
  const failedLooks = doubt.failedLooks + 1;
  const reason = `CheckFailed: ${why} (when the mailbox was looked into; AMBIGUOUS_SEND=check needs the permission to read mail)`;
  const next: MessageStateRecord = { ...current.record, doubt: { ...doubt, failedLooks }, reason };
  if (failedLooks < MAX_FAILED_LOOKS) {
    await waitUntil(options, current, next, retryDelayMs(failedLooks + 2));
    return;
  }
  const held: MessageStateRecord = { ...next, state: 'held', due: null, claim: null };
  if (await store.replaceState(held, current.etag)) events.held(held);
}

function subjectOf(message: Buffer): string {
  const block = readHeaderBlock(message, true);
  return block ? decodedSubject(block) : '';
}
