/**
 * A non-delivery report (RFC 3464, in a multipart/report of RFC 6522): plain words for a person, and the fields for a
 * program. It quotes nothing of the mail but its Message-ID: no subject, no body.
 */

import type { MessageStateRecord } from '../../storage/messageState.ts';
import { reasonInWords } from './reasonInWords.ts';

export interface Report {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly at: Date;
}

/** Recipients that are listed one by one; the rest is counted. */
const MAX_LISTED = 100;

/** The report about one failed mail. */
export function composeReport(report: Report, failed: MessageStateRecord): Buffer {
  const reason = failed.reason ?? '';
  const { meaning, remedy } = reasonInWords(reason);
  const device = failed.client.address ? ` from the device ${failed.client.address}` : '';
  const text = [
    'Your message could not be sent.',
    '',
    `It came${device} on ${new Date(failed.receivedAt).toUTCString()} and was meant for:`,
    ...listed(failed.to).map((address) => `  ${address}`),
    '',
    `Why: ${meaning}`,
    `     (${reason})`,
    `What to do: ${remedy}`,
    '',
    failed.reasonClass === 'ambiguous'
      ? 'It may have been delivered all the same: ask before it is sent again.'
      : 'As far as the relay can tell, nobody has got it.',
    `It is kept for 30 days under the id ${failed.id};`,
    'an administrator of the relay can look at it and retry it.',
  ];
  const perMessage = [
    `Reporting-MTA: dns; ${domainOf(report.from)}`,
    `Original-Envelope-Id: ${failed.id}`,
    `Arrival-Date: ${rfcDate(new Date(failed.receivedAt))}`,
  ];
  const perRecipient = listed(failed.to, false).map((address) => [
    `Final-Recipient: rfc822; ${address}`,
    'Action: failed',
    `Status: ${statusOf(reason)}`,
    `Diagnostic-Code: x-graph; ${ascii(reason)}`,
  ]);
  const fields = [perMessage, ...perRecipient].map((group) => group.join('\r\n')).join('\r\n\r\n');
  const boundary = `report-${report.id}`;
  return mail(
    report,
    'Undelivered: your message could not be sent',
    [
      `In-Reply-To: ${failed.messageId}`,
      `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`,
    ],
    [
      `--${boundary}`,
      ...textPart(text),
      `--${boundary}`,
      'Content-Type: message/delivery-status',
      '',
      fields,
      '',
      `--${boundary}--`,
    ],
  );
}

/** The digest for the postmaster: failures of an hour that were not reported one by one. */
export function composeDigest(report: Report, failed: readonly MessageStateRecord[]): Buffer {
  const lines = failed
    .slice(0, 500)
    .flatMap((record) => [
      `${record.id}  ${record.receivedAt}  from ${record.from || '<>'}  device ${record.client.address || '-'}  ${record.to.length} recipient(s)`,
      `    ${record.reason ?? ''}`,
    ]);
  const more = failed.length > 500 ? [`and ${failed.length - 500} more.`] : [];
  const text = [
    `${failed.length} messages could not be sent, beyond those that were reported one by one.`,
    'They are kept for 30 days: mend the cause, then retry them by their id.',
    '',
    ...lines,
    ...more,
  ];
  return mail(
    report,
    `Undelivered: ${failed.length} messages could not be sent`,
    textPart(text).slice(0, 2),
    textPart(text).slice(3),
  );
}

function mail(report: Report, subject: string, fields: readonly string[], body: readonly string[]): Buffer {
  const header = [
    `From: Mail relay <${report.from}>`,
    `To: <${report.to}>`,
    `Subject: ${subject}`,
    `Date: ${rfcDate(report.at)}`,
    `Message-ID: <${report.id}@${domainOf(report.from)}>`,
    'Auto-Submitted: auto-replied',
    'X-Auto-Response-Suppress: All',
    'MIME-Version: 1.0',
    ...fields,
  ];
  return Buffer.from(`${header.join('\r\n')}\r\n\r\n${body.join('\r\n')}\r\n`, 'latin1');
}

/** A text part: two fields, an empty line, base64 lines. What Graph says may be in any language. */
function textPart(lines: readonly string[]): string[] {
  const base64 = Buffer.from(`${lines.join('\r\n')}\r\n`).toString('base64');
  return [
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    ...(base64.match(/.{1,76}/g) ?? []),
  ];
}

function listed(recipients: readonly string[], counted = true): string[] {
  const rest = recipients.length - MAX_LISTED;
  return [...recipients.slice(0, MAX_LISTED), ...(counted && rest > 0 ? [`and ${rest} more`] : [])];
}

/** Enhanced status codes (RFC 3463) for what is known; 5.0.0 says no more than "failed". */
function statusOf(reason: string): string {
  if (/^(ErrorMessageSizeExceeded|MessageTooLarge)/.test(reason)) return '5.3.4';
  if (/^ErrorInvalidRecipients/.test(reason)) return '5.1.3';
  if (/^(ErrorSendAsDenied|ErrorInvalidUser)/.test(reason)) return '5.7.1';
  if (/^GaveUp/.test(reason)) return '4.4.7';
  return '5.0.0';
}

function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, '?').slice(0, 500);
}

function rfcDate(date: Date): string {
  return date.toUTCString().replace('GMT', '+0000');
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}
