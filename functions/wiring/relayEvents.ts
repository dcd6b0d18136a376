/**
 * What happened to a mail, one function per thing that can happen. Every event carries the mail's id; no body, subject
 * or file name ever goes in, and addresses only as ADDRESS_PRIVACY allows.
 */
import { createHash } from 'node:crypto';
import { addressKey } from '../mail/addressKey.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { Settings } from './settings.ts';

type Severity = 'info' | 'warning' | 'error';
export type EventAttributes = Record<string, string | number | boolean | undefined>;

/** Where events go. */
export type EventSink = (name: string, severity: Severity, attributes: EventAttributes) => void;

/** A sink that writes one JSON line per event, as the Functions host collects it. */
export const consoleSink: EventSink = (event, severity, attributes) => {
  const line = JSON.stringify({ event, severity, ...attributes });
  if (severity === 'error') console.error(line);
  else if (severity === 'warning') console.warn(line);
  else console.info(line);
};

export type RelayEvents = ReturnType<typeof createRelayEvents>;

export function createRelayEvents(sink: EventSink, privacy: Settings['ADDRESS_PRIVACY']) {
  const about = (record: MessageStateRecord): EventAttributes => ({
    id: record.id,
    caller: record.caller,
    edge: record.edge,
    device: record.client.address,
    mailbox: shownAddress(record.mailbox, privacy),
    from: shownAddress(record.from, privacy),
    to: [...new Set(record.to.map((address) => shownAddress(address, privacy)))].slice(0, 20).join(' '),
    recipients: record.to.length,
    bytes: record.size,
    attempt: record.attempts,
  });
  const age = (record: MessageStateRecord) => Date.now() - Date.parse(record.acceptedAt);

  return {
    /** The mail is stored: the cloud is responsible from here on. */
    accepted: (record: MessageStateRecord) =>
      sink('mail.accepted', 'info', {
        ...about(record),
        edgeMs: Date.parse(record.acceptedAt) - Date.parse(record.receivedAt),
      }),
    /** Exchange accepted the mail; a later bounce goes to the mailbox's Inbox. */
    sent: (record: MessageStateRecord, graph: EventAttributes) =>
      sink('mail.sent', 'info', { ...about(record), ...graph, cloudMs: age(record) }),
    retried: (record: MessageStateRecord, graph: EventAttributes) =>
      sink('mail.retried', 'warning', {
        ...about(record),
        ...graph,
        reason: record.reason ?? undefined,
        due: record.due ?? undefined,
      }),
    held: (record: MessageStateRecord, graph: EventAttributes = {}) =>
      sink('mail.held', 'error', { ...about(record), ...graph, reason: record.reason ?? undefined }),
    failed: (record: MessageStateRecord, graph: EventAttributes = {}) =>
      sink('mail.failed', 'error', { ...about(record), ...graph, reason: record.reason ?? undefined }),
    /** The mail is sent again although it may have been sent before. */
    duplicateRisk: (record: MessageStateRecord, why: string) =>
      sink('mail.duplicateRisk', 'warning', { ...about(record), reason: why }),
    /** How far the upload of a large mail is. */
    progress: (record: MessageStateRecord, uploadedBytes: number, totalBytes: number) =>
      sink('relay.progress', 'info', { id: record.id, attempt: record.attempts, uploadedBytes, totalBytes }),
    /** A large mail that a draft would damage: it goes as an attachment, or fails. */
    unrewritable: (record: MessageStateRecord, kind: string, then: Settings['UNREWRITABLE']) =>
      sink('relay.unrewritable', 'warning', { ...about(record), kind, then }),
    /** Graph refuses the whole mailbox for a while. */
    mailboxThrottled: (mailbox: string, pauseMs: number, graph: EventAttributes) =>
      sink('mailbox.throttled', 'warning', { mailbox: shownAddress(mailbox, privacy), pauseMs, ...graph }),
    /** Length and age of what waits, from the sweeper. */
    queueMeasured: (length: number, oldestSeconds: number) => sink('queue.measured', 'info', { length, oldestSeconds }),
    /** Something that should not happen and harms no mail, or a bug. */
    trouble: (what: string, attributes: EventAttributes = {}) =>
      sink('relay.trouble', 'error', { what, ...attributes }),
  };
}

/** An address as telemetry may show it: whole, its domain, or a short hash of the whole. */
export function shownAddress(address: string, privacy: Settings['ADDRESS_PRIVACY']): string {
  if (address === '' || privacy === 'full') return address;
  const key = addressKey(address);
  if (privacy === 'domain') return key.includes('@') ? key.slice(key.lastIndexOf('@') + 1) : 'mailbox';
  return createHash('sha256').update(key).digest('hex').slice(0, 16);
}
