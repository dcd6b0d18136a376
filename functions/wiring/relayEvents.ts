/**
 * What happened to a mail, one function per thing that can happen. Every event carries the mail's id; no body, subject
 * or file name ever goes in, and addresses only as ADDRESS_PRIVACY allows.
 */
import { createHash } from 'node:crypto';
import type { ReceivedHeartbeat } from '../intake/receiveHeartbeat.ts';
import { addressKey } from '../mail/addressKey.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { Settings } from './settings.ts';

type Severity = 'info' | 'warning' | 'error';
export type EventAttributes = Record<string, string | number | boolean | undefined>;

/** Where events go. `traceparent` names the operation that the mail came with. */
export type EventSink = (
  name: string,
  severity: Severity,
  attributes: EventAttributes,
  traceparent?: string | undefined,
) => void;

/** A sink that writes one JSON line per event, as the Functions host collects it. */
export const consoleSink: EventSink = (event, severity, attributes) => {
  const line = JSON.stringify({ event, severity, ...attributes });
  if (severity === 'error') console.error(line);
  else if (severity === 'warning') console.warn(line);
  else console.info(line);
};

export type RelayEvents = ReturnType<typeof createRelayEvents>;

export function createRelayEvents(out: EventSink, privacy: Settings['ADDRESS_PRIVACY']) {
  const sink: EventSink = (name, severity, attributes, traceparent) =>
    out(name, severity, withoutAddresses(attributes, privacy), traceparent);
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
  /** Milliseconds; clocks differ, and nothing takes less than none. */
  const between = (start: string, end: string | undefined) =>
    end === undefined ? undefined : Math.max(0, Date.parse(end) - Date.parse(start));

  return {
    /** The mail is stored: the cloud is responsible from here on. `edgeMs`: since the device's mail was complete. */
    accepted: (record: MessageStateRecord) =>
      sink(
        'mail.accepted',
        'info',
        {
          ...about(record),
          messageId: shownMessageId(record, privacy),
          edgeMs: between(record.receivedAt, record.acceptedAt),
        },
        record.traceparent,
      ),
    /**
     * Exchange accepted the mail; a later bounce goes to the mailbox's Inbox. `queueMs`: from accepted to the last attempt,
     * `cloudMs`: from accepted to sent, `totalMs`: since the device's mail was complete.
     */
    sent: (record: MessageStateRecord, graph: EventAttributes) =>
      sink(
        'mail.sent',
        'info',
        {
          ...about(record),
          ...graph,
          queueMs: between(record.acceptedAt, record.claim?.since),
          cloudMs: between(record.acceptedAt, record.sentAt ?? undefined),
          totalMs: between(record.receivedAt, record.sentAt ?? undefined),
        },
        record.traceparent,
      ),
    retried: (record: MessageStateRecord, graph: EventAttributes) =>
      sink(
        'mail.retried',
        'warning',
        { ...about(record), ...graph, reason: record.reason ?? undefined, due: record.due ?? undefined },
        record.traceparent,
      ),
    held: (record: MessageStateRecord, graph: EventAttributes = {}) =>
      sink(
        'mail.held',
        'error',
        { ...about(record), ...graph, reason: record.reason ?? undefined },
        record.traceparent,
      ),
    failed: (record: MessageStateRecord, graph: EventAttributes = {}) =>
      sink(
        'mail.failed',
        'error',
        { ...about(record), ...graph, reason: record.reason ?? undefined },
        record.traceparent,
      ),
    /** The mail is sent again although it may have been sent before. */
    duplicateRisk: (record: MessageStateRecord, why: string) =>
      sink('mail.duplicateRisk', 'warning', { ...about(record), reason: why }, record.traceparent),
    /** How far the upload of a large mail is. */
    progress: (record: MessageStateRecord, uploadedBytes: number, totalBytes: number) =>
      sink(
        'relay.progress',
        'info',
        { id: record.id, attempt: record.attempts, uploadedBytes, totalBytes },
        record.traceparent,
      ),
    /** A large mail that a draft would damage: it goes as an attachment, or fails. */
    unrewritable: (record: MessageStateRecord, kind: string, then: Settings['UNREWRITABLE']) =>
      sink('relay.unrewritable', 'warning', { ...about(record), kind, then }, record.traceparent),
    /** Graph refuses the whole mailbox for a while. */
    mailboxThrottled: (mailbox: string, pauseMs: number, graph: EventAttributes) =>
      sink('mailbox.throttled', 'warning', { mailbox: shownAddress(mailbox, privacy), pauseMs, ...graph }),
    /** An edge lives. What one event cannot hold of its devices goes into more of the same. */
    heartbeat: (caller: string, edge: string, beat: ReceivedHeartbeat) => {
      const { version, instance, uptimeSeconds, spool, listeners, devices } = beat;
      for (const page of pages(devices))
        sink('edge.heartbeat', 'info', {
          caller,
          edge,
          version,
          instance,
          uptimeSeconds,
          spoolCount: spool.count,
          spoolBytes: spool.bytes,
          spoolOldestSeconds: spool.oldestSeconds,
          lastError: beat.lastError ?? undefined,
          certificateExpires: listeners.flatMap(({ certificateExpires }) => certificateExpires ?? []).sort()[0],
          listeners: JSON.stringify(pages(listeners)[0]),
          deviceCount: devices.length,
          devices: JSON.stringify(page),
        });
    },
    /** Two edges report under one name. */
    edgeNameTaken: (caller: string, edge: string) =>
      sink('edge.rejected', 'warning', { caller, edge, reason: 'Another edge lives under this name.' }),
    /** Requests were refused for their credential, sender or recipients: so many since this was last told. */
    refused: (problem: string, functionName: string, count: number, caller?: string) =>
      sink('relay.refused', 'warning', { problem, function: functionName, count, caller }),
    /** Length and age of what waits, from the sweeper. */
    queueMeasured: (length: number, oldestSeconds: number) => sink('queue.measured', 'info', { length, oldestSeconds }),
    /** Something that should not happen and harms no mail, or a bug. */
    trouble: (what: string, attributes: EventAttributes = {}) =>
      sink('relay.trouble', 'error', { what, ...attributes }),
  };
}

/** Application Insights keeps 8192 characters of a property. */
const MAX_PROPERTY = 8000;

/** Entries in groups, at least one, whose JSON text fits into a property each. */
function pages<T>(entries: readonly T[]): T[][] {
  const groups: T[][] = [[]];
  let room = MAX_PROPERTY - 2;
  for (const entry of entries) {
    const length = JSON.stringify(entry).length + 1;
    if (length > room) {
      groups.push([]);
      room = MAX_PROPERTY - 2;
    }
    groups.at(-1)!.push(entry);
    room -= length;
  }
  return groups;
}

/** Reasons and errors come from outside and quote addresses, encoded ones of URLs too. */
const QUOTED_ADDRESS = /[\p{L}\p{N}_.!#$&*+=?^`{|}~-]{1,64}(?:@|%40)[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)+/gu;

function withoutAddresses(attributes: EventAttributes, privacy: Settings['ADDRESS_PRIVACY']): EventAttributes {
  if (privacy === 'full') return attributes;
  const hide = ([name, value]: [string, EventAttributes[string]]) =>
    typeof value === 'string' && name !== 'messageId'
      ? [name, value.replace(QUOTED_ADDRESS, (address) => shownAddress(address.replace('%40', '@'), privacy))]
      : [name, value];
  return Object.fromEntries(Object.entries(attributes).map(hide));
}

/** The Message-ID, by which a mail is searched for; as a hash where it is made of an address of the mail's. */
function shownMessageId(record: MessageStateRecord, privacy: Settings['ADDRESS_PRIVACY']): string {
  const { messageId, from, mailbox, to } = record;
  const telling = [from, mailbox, ...to].some((address) => {
    const local = address.slice(0, address.lastIndexOf('@'));
    return local.length > 2 && messageId.toLowerCase().includes(local.toLowerCase());
  });
  return telling && privacy !== 'full' ? `<${shownAddress(messageId, 'hash')}>` : messageId.slice(0, 400);
}

/** An address as telemetry may show it: whole, its domain, or a short hash of the whole. */
export function shownAddress(address: string, privacy: Settings['ADDRESS_PRIVACY']): string {
  if (address === '' || privacy === 'full') return address;
  const key = addressKey(address);
  if (privacy === 'domain') return key.includes('@') ? key.slice(key.lastIndexOf('@') + 1) : 'mailbox';
  return createHash('sha256').update(key).digest('hex').slice(0, 16);
}
