/**
 * A mail that a person retries is sent by whom the sender rules name now: a rule may be just what it failed for. What the
 * caller may send as, holds here as at intake.
 */
import { addressKey } from '../mail/addressKey.ts';
import { matchesAny } from '../mail/addressPattern.ts';
import { chooseSender, type SenderChoice } from '../mail/chooseSender.ts';
import { DELIVERIES } from '../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { StoredState } from '../storage/messageStore.ts';
import { wakeUpOf } from '../storage/wakeUp.ts';
import { REPORTS_CALLER } from '../wiring/callers.ts';
import type { DeliveryOptions } from './deliverMessage.ts';
import { settle } from './settle.ts';
import { readStoredHeader } from './storedHeader.ts';

/** Writes the choice down and wakes the mail for its mailbox; the mail fails where its caller may not use that one. */
export async function chooseMailbox(options: DeliveryOptions, found: StoredState): Promise<void> {
  const { store, queues, settings } = options;
  const { record, etag } = found;
  const header = await readStoredHeader(store, record);
  const policy = { rules: settings.SENDER_RULES, defaultSender: settings.DEFAULT_SENDER };
  const choice = header && chooseSender(header, record.from, policy);
  const other = choice && addressKey(choice.mailbox) !== addressKey(record.mailbox) ? choice : undefined;
  const refused = other && refusedOf(options, record, other);
  if (refused) {
    const reason = `Caller ${record.caller} may not send as ${refused}, which the sender rules name now.`;
    await settle(options, found, { kind: 'reject', code: 'SenderRefused', reason }, {});
    return;
  }
  const next: MessageStateRecord = {
    ...record,
    chooseMailbox: undefined,
    fallback: choice ? undefined : record.fallback,
  };
  // Another mailbox cannot see the draft that this one made.
  const moved = other && { mailbox: other.mailbox, draftId: null, draftSendAt: undefined };
  const written = await store.replaceState({ ...next, ...moved }, etag);
  if (written) await queues.wakeUp(DELIVERIES, wakeUpOf(written.record), 0);
}

/** The first address that is not the caller's to use: nothing is, where the caller is gone. The relay's own mail has no rules. */
function refusedOf(
  { settings }: DeliveryOptions,
  record: MessageStateRecord,
  choice: SenderChoice,
): string | undefined {
  const caller = settings.callers.find(({ name }) => name === record.caller);
  if (record.caller === REPORTS_CALLER) return undefined;
  return [choice.mailbox, choice.from].find((address) => !matchesAny(caller?.senders ?? [], address));
}
