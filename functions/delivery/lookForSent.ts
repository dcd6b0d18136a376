/** Looks into the sending mailbox for a mail that may have been sent (`AMBIGUOUS_SEND=check`; needs to read mail). */
import libmime from 'libmime';
import { fieldsNamed, fieldValue, type HeaderBlock } from '../mail/headerBlock.ts';
import type { GraphClient, GraphTrace } from './graphClient.ts';
import { type GraphOutcome, outcomeOfCall, outcomeOfNoAnswer } from './graphOutcome.ts';

/** Clocks of ours and of Exchange may differ by this much. */
const CLOCK_MS = 5000;

export interface SoughtMail {
  readonly mailbox: string;
  readonly messageId: string;
  /** Decoded, as Exchange shows it. */
  readonly subject: string;
  /** When the attempt of unknown outcome began and ended. */
  readonly since: string;
  readonly until: string;
}

type Retry = Extract<GraphOutcome, { kind: 'retry' }>;

export type Finding =
  | { readonly kind: 'found' | 'absent'; readonly trace: Partial<GraphTrace> }
  | {
      readonly kind: 'unknown';
      readonly outcome: Retry;
      readonly trace: Partial<GraphTrace>;
    };

/**
 * A message with the same Message-ID and subject that was created during the attempt counts as ours; a draft does not.
 * https://learn.microsoft.com/graph/api/user-list-messages
 */
export async function lookForSent(graph: GraphClient, mail: SoughtMail): Promise<Finding> {
  const quoted = mail.messageId.replaceAll("'", "''");
  try {
    const { trace, ...answer } = await graph.call(`/users/${encodeURIComponent(mail.mailbox)}/messages`, (request) =>
      request
        .query({
          $filter: encodeURIComponent(`internetMessageId eq '${quoted}'`),
          $select: 'subject,createdDateTime,isDraft',
          $top: '50',
        })
        .get(),
    );
    if (answer.status !== 200) return { kind: 'unknown', trace, outcome: notLooked(outcomeOfCall(answer)) };
    return { kind: messagesOf(answer.json).some((message) => isOurs(message, mail)) ? 'found' : 'absent', trace };
  } catch (error) {
    return { kind: 'unknown', trace: {}, outcome: notLooked(outcomeOfNoAnswer(error)) };
  }
}

/** The subject as Exchange shows it: decoded, blanks folded. */
export function decodedSubject(block: HeaderBlock): string {
  const [field] = fieldsNamed(block, 'subject');
  if (!field) return '';
  const bytes = Buffer.from(fieldValue(field), 'latin1');
  return libmime.decodeWords(bytes.toString('utf8')).replace(/\s+/g, ' ').trim();
}

interface GraphMessage {
  readonly subject?: unknown;
  readonly createdDateTime?: unknown;
  readonly isDraft?: unknown;
}

function messagesOf(json: unknown): GraphMessage[] {
  const value = (json as { value?: unknown } | undefined)?.value;
  return Array.isArray(value) ? (value as GraphMessage[]) : [];
}

function isOurs({ subject, createdDateTime, isDraft }: GraphMessage, mail: SoughtMail): boolean {
  const created = Date.parse(String(createdDateTime));
  const shown = typeof subject === 'string' ? subject.replace(/\s+/g, ' ').trim() : '';
  return (
    isDraft !== true &&
    // Exchange keeps 255 characters of a subject.
    shown.slice(0, 255) === mail.subject.slice(0, 255) &&
    created >= Date.parse(mail.since) - CLOCK_MS &&
    created <= Date.parse(mail.until) + CLOCK_MS
  );
}

/** Looking sends nothing: whatever went wrong, it is no ambiguous attempt and no verdict on the mail. */
function notLooked(outcome: GraphOutcome): Retry {
  if (outcome.kind === 'retry') return outcome.class === 'ambiguous' ? { ...outcome, class: 'refused' } : outcome;
  const said = outcome.kind === 'reject' ? `${outcome.code}: ${outcome.reason}` : 'Graph gave no list of messages.';
  return { kind: 'retry', class: 'operator', reason: `${said}` };
}
