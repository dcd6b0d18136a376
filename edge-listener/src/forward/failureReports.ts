// Decides who is told that a message finally failed, and sends the report through the relay itself.
import { createHash } from 'node:crypto';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import type { Report } from '../events.ts';
import { headerFields } from '../policy/headerAddresses.ts';
import { createHeaderTap } from '../smtp/headerTap.ts';
import type { Spool, StoredMessage } from '../spool/spool.ts';
import { composeFailureReport } from './failureReport.ts';

/** One report to a sender in this time, in milliseconds; the next one says how many it did not. */
const ONE_EACH_MS = 60 * 60_000;

export interface FailureReportsOptions {
  readonly spool: Spool;
  readonly edge: string;
  /** Sender of the reports, and recipient where the sender cannot be told; empty for none. */
  readonly postmaster: string;
  readonly report: Report;
  readonly now: () => number;
}

/**
 * Reports a failed message to its envelope sender. Never for the null sender, for automatic mail or for a report:
 * those have nobody who waits, and answering them makes circles (RFC 3834).
 */
export function createFailureReports({ spool, edge, postmaster, report, now }: FailureReportsOptions) {
  const told = new Map<string, { at: number; unreported: number }>();

  return async function reportFailure(id: string, code: string, reason: string): Promise<void> {
    const message = await spool.find(id);
    if (!message) return;
    try {
      const { from } = message.envelope;
      const header = await readHeader(message);
      if (from === '' || isAutomatic(header)) return;
      const last = told.get(from);
      if (last && now() - last.at < ONE_EACH_MS) {
        last.unreported++;
        return;
      }
      if (told.size > 10_000) told.clear();
      told.set(from, { at: now(), unreported: 0 });
      await send(message.envelope, { id, code, reason, header, unreported: last?.unreported ?? 0 });
    } finally {
      await message.close();
    }
  };

  type About = { id: string; code: string; reason: string; header: string; unreported: number };
  async function send(failed: Envelope, about: About): Promise<void> {
    const reportId = reportIdOf(about.id);
    const body = composeFailureReport({
      ...about,
      edge,
      messageId: `<${reportId}@${edge}.invalid>`,
      to: failed.from,
      from: postmaster,
      recipients: failed.to,
      receivedAt: failed.receivedAt,
      date: new Date(now()),
    });
    const client = { address: '', helo: edge, user: '', tls: '' };
    const to = [...new Set(postmaster ? [failed.from, postmaster] : [failed.from])];
    const incoming = spool.begin(reportId, { v: 1, from: '', to, receivedAt: '', edge, client });
    await incoming.append(body);
    await incoming.commit(now());
    report('edge.reported', { id: about.id, report: reportId });
  }
}

/** The id of the report about `id`: always the same, so that it is sent once. A UUIDv8 (RFC 9562). */
export function reportIdOf(id: string): string {
  const hex = createHash('sha256').update(`report ${id}`).digest('hex');
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
