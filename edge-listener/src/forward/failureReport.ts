// The non-delivery report of a message that finally failed (RFC 3464), as the stored message it will travel as.

export interface FailureReport {
  /** Name of the edge. */
  readonly edge: string;
  readonly id: string;
  /** `Message-ID` of the report. */
  readonly messageId: string;
  readonly to: string;
  /** Whether the failed message had no sender: it is the postmaster who is told then. */
  readonly senderless: boolean;
  /** Sender of the report; the function app's default sender when empty. */
  readonly from: string;
  readonly recipients: readonly string[];
  readonly receivedAt: string;
  readonly code: string;
  readonly reason: string;
  /** Header of the failed message, CRLF line ends. */
  readonly header: string;
  readonly date: Date;
  /** Failures of the last hour to the same sender that got no report of their own. */
  readonly unreported: number;
}

/** Most of the failed message's header that goes along. */
const MAX_HEADER_CHARACTERS = 16_000;

/** The report, 7-bit, CRLF line ends. */
export function composeFailureReport(report: FailureReport): Buffer {
  const boundary = `=_${report.id}`;
  const expired = report.code === 'expired';
  const lines = [
    ...(report.from ? [`From: Mail relay ${report.edge} <${report.from}>`] : []),
    `To: <${report.to}>`,
    `Subject: ${report.senderless ? 'A message without a sender' : 'Your message'} could not be sent`,
    `Date: ${report.date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${report.messageId}`,
    'MIME-Version: 1.0',
    'Auto-Submitted: auto-replied',
    `Content-Type: multipart/report; report-type=delivery-status; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `${report.senderless ? 'A message without a sender,' : 'Your message'} of ${report.receivedAt} could not be sent.`,
    '',
    `To: ${report.recipients.slice(0, 20).join(', ')}${report.recipients.length > 20 ? ', ...' : ''}`,
    '',
    expired
      ? 'The relay tried for days and gave up. The last answer was:'
      : 'The relay will not take it. Its answer was:',
    '',
    `    ${report.reason}`,
    '',
    `The message is kept at the mail relay "${report.edge}" under the number`,
    `${report.id}. Its administrator can send it again from there.`,
    ...(report.unreported > 0 ? ['', `${report.unreported} more such messages failed since the last report.`] : []),
    '',
    `--${boundary}`,
    'Content-Type: message/delivery-status',
    '',
    `Reporting-MTA: dns; ${report.edge}`,
    `Arrival-Date: ${new Date(report.receivedAt).toUTCString().replace('GMT', '+0000')}`,
    ...report.recipients.flatMap((recipient) => [
      '',
      `Final-Recipient: rfc822; ${recipient}`,
      'Action: failed',
      `Status: ${expired ? '5.4.7' : '5.0.0'}`,
      `Diagnostic-Code: x-relay; ${report.code} ${report.reason}`,
    ]),
    '',
    `--${boundary}`,
    'Content-Type: text/rfc822-headers',
    '',
    ...report.header.slice(0, MAX_HEADER_CHARACTERS).split('\r\n'),
    '',
    `--${boundary}--`,
    '',
  ];
  return Buffer.from(lines.map(plain).join('\r\n'), 'latin1');
}

/** Failures that got no report of their own, told to the postmaster all at once. */
export interface FailureDigest {
  readonly edge: string;
  readonly messageId: string;
  /** The postmaster, who is its sender as well. */
  readonly to: string;
  /** How many messages of each sender; the empty one for mail without a sender. */
  readonly unreported: readonly (readonly [sender: string, count: number])[];
  readonly date: Date;
}

/** The digest, 7-bit, CRLF line ends. */
export function composeFailureDigest({ edge, messageId, to, unreported, date }: FailureDigest): Buffer {
  const lines = [
    `From: Mail relay ${edge} <${to}>`,
    `To: <${to}>`,
    'Subject: More messages could not be sent',
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${messageId}`,
    'MIME-Version: 1.0',
    'Auto-Submitted: auto-generated',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `These messages failed at the mail relay "${edge}" without a report of their own,`,
    'because their sender had got one within the hour:',
    '',
    ...unreported.slice(0, 200).map(([sender, count]) => `    ${count}  ${sender || '(no sender)'}`),
    ...(unreported.length > 200 ? [`    and those of ${unreported.length - 200} more senders`] : []),
    '',
    'edge-listener queue list --failed shows them.',
    '',
  ];
  return Buffer.from(lines.map(plain).join('\r\n'), 'latin1');
}

/** One line of printable ASCII, not longer than a line of mail may be. */
function plain(line: string): string {
  return line.replace(/[^\x20-\x7e\t]/g, '?').slice(0, 990);
}
