/**
 * Tells somebody that a mail has finally failed: an event always, and a report to the envelope sender if the relay may
 * mail it, else to the postmaster. No report about a report, to `<>`, for automatic mail, or where an administrator has to
 * act and no sender is at fault; one an hour per sender, the rest in a digest to the postmaster.
 */
import { createHash } from 'node:crypto';
import { addressProblem } from '../../contract/mailAddress.ts';
import { addressKey } from '../../mail/addressKey.ts';
import { matchesAny } from '../../mail/addressPattern.ts';
import { fieldsNamed, fieldValue, type HeaderBlock } from '../../mail/headerBlock.ts';
import { findSenderRule } from '../../mail/senderRules.ts';
import { DELIVERIES } from '../../storage/deliveryQueue.ts';
import { acceptedState, envelopeSha256, type MessageStateRecord } from '../../storage/messageState.ts';
import type { StoredState } from '../../storage/messageStore.ts';
import { wakeUpOf } from '../../storage/wakeUp.ts';
import { REPORTS_CALLER } from '../../wiring/callers.ts';
import type { EventAttributes } from '../../wiring/relayEvents.ts';
import { usableTraceparent } from '../../wiring/telemetry/mailTrace.ts';
import type { DeliveryOptions } from '../deliverMessage.ts';
import { readStoredHeader } from '../storedHeader.ts';
import { composeDigest, composeReport } from './composeReport.ts';

export type ReportOptions = Pick<DeliveryOptions, 'store' | 'queues' | 'events' | 'settings'>;

const HOUR_MS = 3600_000;

/** Reports one failed mail and writes down that it did; the sweeper calls it again where this broke off. */
export async function reportFailure(
  options: ReportOptions,
  { record, etag }: StoredState,
  trace: EventAttributes = {},
): Promise<void> {
  const { store, events } = options;
  events.failed(record, trace);
  const to = await addresseeOf(options, record);
  let digestDue = false;
  if (to) {
    const hour = Math.floor(Date.now() / HOUR_MS);
    const mark = `report-${digestOf(addressKey(to)).slice(0, 32)}-${hour}-`;
    // The mark names the mail, so that a second try for the same mail is no second report, and is not refused either.
    const first = await store.markOnce(mark, record.id);
    if (first === record.id)
      await submitReport(options, { id: record.id, traceparent: record.traceparent }, to, (report) =>
        composeReport(report, record),
      );
    else digestDue = true;
  }
  await store.replaceState({ ...record, reported: true, digestDue }, etag);
}

/** Sends the postmaster one digest of failures that were not reported one by one, at most one an hour. */
export async function reportDigest(options: ReportOptions, due: readonly StoredState[]): Promise<void> {
  const { store, settings } = options;
  if (due.length === 0) return;
  const ids = digestOf(
    due
      .map(({ record }) => record.id)
      .sort()
      .join(),
  );
  const mark = `digest-${Math.floor(Date.now() / HOUR_MS)}`;
  if ((await store.markOnce(mark, ids)) !== ids) return;
  const records = due.map(({ record }) => record);
  if (settings.POSTMASTER)
    await submitReport(options, { id: ids, traceparent: usableTraceparent(null) }, settings.POSTMASTER, (report) =>
      composeDigest(report, records),
    );
  for (const { record, etag } of due) await store.replaceState({ ...record, digestDue: false }, etag);
}

async function addresseeOf(
  { settings, store }: ReportOptions,
  record: MessageStateRecord,
): Promise<string | undefined> {
  const { from, caller } = record;
  if (from === '' || caller === REPORTS_CALLER || record.reasonClass === 'operator') return undefined;
  const header = await readStoredHeader(store, record);
  // Whether a person sent it, nobody can say: a report to the sender could start a loop.
  if (!header) return settings.POSTMASTER;
  if (isAutomatic(header)) return undefined;
  const rules = settings.callers.find(({ name }) => name === caller);
  const mayMail = rules !== undefined && matchesAny(rules.recipients, from) && addressProblem(from) === undefined;
  return mayMail ? from : settings.POSTMASTER;
}

/** Mail that no person sent (RFC 3834 section 2): a report about it could start a loop. */
function isAutomatic(header: HeaderBlock): boolean {
  const value = (name: string) => fieldsNamed(header, name).map(fieldValue).join().toLowerCase();
  const submitted = value('auto-submitted');
  return (
    (submitted !== '' && !submitted.startsWith('no')) ||
    /bulk|junk|list/.test(value('precedence')) ||
    fieldsNamed(header, 'list-id').length > 0 ||
    /multipart\/report|disposition-notification/.test(value('content-type'))
  );
}

/** Puts a mail of the relay's own into its own pipeline. Its id derives from what it reports: twice is once. */
async function submitReport(
  { store, queues, events, settings }: ReportOptions,
  about: { readonly id: string; readonly traceparent: string },
  to: string,
  compose: (report: { id: string; from: string; to: string; at: Date }) => Buffer,
): Promise<void> {
  const from = settings.DEFAULT_SENDER ?? settings.POSTMASTER;
  if (!from) return events.trouble('A report cannot be sent: set DEFAULT_SENDER or POSTMASTER.', { about: about.id });
  const hex = digestOf(`report:${about.id}`);
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  const at = new Date();
  const message = compose({ id, from, to, at });
  const sha256 = digestOf(message);
  const mail = {
    caller: REPORTS_CALLER,
    id,
    from: '',
    to: [to],
    receivedAt: at.toISOString(),
    edge: '',
    client: { address: '', helo: '', user: '', tls: '' },
    mailbox: findSenderRule(settings.SENDER_RULES, from)?.mailbox ?? from,
    messageId: `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    size: message.length,
    bodySha256: sha256,
    envelopeSha256: envelopeSha256('', [to]),
    // Its story belongs to that of the mail it reports.
    traceparent: about.traceparent,
  };
  const record = acceptedState(mail, at.toISOString());
  const body = store.newBody(record);
  await body.write(message);
  await body.commit(sha256);
  if (await store.createState(record)) {
    await queues.wakeUp(DELIVERIES, wakeUpOf(record), 0);
    events.accepted(record);
  }
}

function digestOf(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex');
}
