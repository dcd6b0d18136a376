// Decides who is told that a message finally failed, and sends the report through the relay itself.
import { createHash } from 'node:crypto';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import { newMessageId } from '../../../functions/contract/messageId.ts';
import type { Report } from '../events.ts';
import { headerFields } from '../policy/headerAddresses.ts';
import { createHeaderTap } from '../smtp/headerTap.ts';
import type { Spool, StoredMessage } from '../spool/spool.ts';
import { composeFailureDigest, composeFailureReport } from './failureReport.ts';

/** One report to a sender in this time, in milliseconds; what fails meanwhile is counted. */
const ONE_EACH_MS = 60 * 60_000;
/** How many senders are remembered. */
const MOST_SENDERS = 10_000;

export interface FailureReportsOptions {
  readonly spool: Spool;
  readonly edge: string;
  /** Sender of the reports, and recipient of a copy, and of what there is to say about mail without a sender; empty for none. */
  readonly postmaster: string;
  readonly report: Report;
  /** Never jumps. */
  readonly now: () => number;
  /** What people call the time. */
  readonly wall?: () => number;
}

export interface FailureReports {
  /** Tells of a message that was put into `failed`, or counts it. */
  reportFailure(id: string, code: string, reason: string): Promise<void>;
  /** Tells the postmaster how many were only counted, of senders whose hour is over. */
  tellCounts(): Promise<void>;
  /** Stops, and tells all counts there are. */
  close(): Promise<void>;
}

/**
 * Reports a failed message to its envelope sender, with a copy to the postmaster; without a sender to the postmaster
 * alone. Never for automatic mail or for a report: those have nobody who waits, and answering them makes circles
 * (RFC 3834).
 */
export function createFailureReports(options: FailureReportsOptions): FailureReports {
  const { spool, edge, postmaster, report, now, wall = now } = options;
  const told = new Map<string, { at: number; unreported: number }>();
  const tell = (at?: number) =>
    tellCounts(at).catch((error: unknown) =>
      report('edge.error', { reason: `The postmaster could not be told of failed messages: ${error}` }),
    );
  const timer = setInterval(() => void tell(), ONE_EACH_MS).unref();

  async function reportFailure(id: string, code: string, reason: string): Promise<void> {
    const message = await spool.find(id);
    if (!message) return;
    try {
      const { from } = message.envelope;
      if (!from && !postmaster) return;
      const header = await readHeader(message);
      if (isAutomatic(header)) return;
      const last = told.get(from);
      if (last && now() - last.at < ONE_EACH_MS) {
        last.unreported++;
        return;
      }
      if (told.size >= MOST_SENDERS) await tellCounts(Number.POSITIVE_INFINITY);
      told.set(from, { at: now(), unreported: 0 });
      await send(message.envelope, { id, code, reason, header, unreported: last?.unreported ?? 0 });
    } finally {
      await message.close();
    }
  }

  type About = { id: string; code: string; reason: string; header: string; unreported: number };
  async function send(failed: Envelope, about: About): Promise<void> {
    const reportId = reportIdOf(about.id, (await spool.failedOne(about.id))?.failedAt ?? '');
    const body = composeFailureReport({
      ...about,
      edge,
      messageId: messageIdOf(reportId),
      to: failed.from || postmaster,
      senderless: failed.from === '',
      from: postmaster,
      recipients: failed.to,
      receivedAt: failed.receivedAt,
      date: new Date(wall()),
    });
    await queue(reportId, body, [failed.from, postmaster]);
    report('edge.reported', { id: about.id, report: reportId });
  }

  async function tellCounts(at = now()): Promise<void> {
    const over = [...told].filter(([, { at: since }]) => at - since >= ONE_EACH_MS);
    const unreported = over.map(([sender, { unreported: count }]) => [sender, count] as const).filter(([, n]) => n > 0);
    if (unreported.length > 0 && postmaster) {
      const id = newMessageId(wall());
      const messageId = messageIdOf(id);
      const date = new Date(wall());
      await queue(id, composeFailureDigest({ edge, messageId, to: postmaster, unreported, date }), [postmaster]);
    }
    // Without a postmaster the next report to the sender says the number.
    for (const [sender, { unreported: count }] of over)
      if (postmaster || count === 0 || told.size >= MOST_SENDERS) told.delete(sender);
  }

  async function queue(id: string, body: Buffer, recipients: readonly string[]): Promise<void> {
    const client = { address: '', helo: edge, user: '', tls: '' };
    const to = [...new Set(recipients.filter(Boolean))];
    const incoming = spool.begin(id, { v: 1, from: '', to, receivedAt: '', edge, client });
    await incoming.append(body);
    await incoming.commit(wall());
  }

  const messageIdOf = (id: string) => `<${id}@${edge}.invalid>`;

  return {
    reportFailure,
    tellCounts: () => tellCounts(),
    async close() {
      clearInterval(timer);
      await tell(Number.POSITIVE_INFINITY);
    },
  };
}

/**
 * The id of the report about `id`, which failed at `failedAt`: the same however often it is made, another one when the
 * message was retried and failed again. A UUIDv8 (RFC 9562).
 */
export function reportIdOf(id: string, failedAt: string): string {
  const hex = createHash('sha256').update(`report ${id} ${failedAt}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

async function readHeader(message: StoredMessage): Promise<string> {
  const tap = createHeaderTap();
  const body = message.body();
  try {
    for await (const chunk of body) {
      const header = tap.push(chunk as Buffer);
      if (header !== undefined) return header;
    }
  } finally {
    body.destroy();
  }
  return tap.finish() ?? '';
}

function isAutomatic(header: string): boolean {
  return headerFields(header).some(
    ({ name, value }) =>
      (name === 'auto-submitted' && !/^no\b/i.test(value)) ||
      (name === 'precedence' && /^(bulk|junk|list)\b/i.test(value)) ||
      (name === 'content-type' && /^multipart\/report\b/i.test(value)),
  );
}
