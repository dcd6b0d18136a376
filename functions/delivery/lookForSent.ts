/** Looks into the sending mailbox for a mail that may have been sent (`AMBIGUOUS_SEND=check`; needs to read mail). */
import { fieldsNamed, fieldValue, type HeaderBlock } from '../mail/headerBlock.ts';
import type { GraphClient, GraphTrace } from './graphClient.ts';
import { type GraphOutcome, outcomeOfCall, outcomeOfNoAnswer } from './graphOutcome.ts';
import { decodeText } from './large/decodeText.ts';

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

/** Pages of the answer that are read: a device that gives all its mail one Message-ID fills many. */
const MAX_PAGES = 20;

/**
 * A message with the same Message-ID and subject that was created during the attempt counts as ours; a draft does not.
 * https://learn.microsoft.com/graph/api/user-list-messages
 */
export async function lookForSent(graph: GraphClient, mail: SoughtMail): Promise<Finding> {
  const quoted = mail.messageId.replaceAll("'", "''");
  const { from, to } = timesOf(mail);
  const created = `createdDateTime ge ${new Date(from).toISOString()} and createdDateTime le ${new Date(to).toISOString()}`;
  let query: Record<string, string> | undefined = {
    $filter: `internetMessageId eq '${quoted}' and ${created}`,
    $select: 'subject,createdDateTime,isDraft',
    $top: '50',
  };
  let trace: Partial<GraphTrace> = {};
  try {
    for (let page = 0; query && page < MAX_PAGES; page++) {
      const answer = await listMessages(graph, mail.mailbox, query);
      trace = answer.trace;
      if (answer.status !== 200) return { kind: 'unknown', trace, outcome: notLooked(outcomeOfCall(answer)) };
      if (messagesOf(answer.json).some((message) => isOurs(message, mail))) return { kind: 'found', trace };
      query = nextQuery(answer.json);
    }
    if (!query) return { kind: 'absent', trace };
    const reason = `TooManyMessages: the mailbox holds more than ${MAX_PAGES} pages of messages with that Message-ID.`;
    return { kind: 'unknown', trace, outcome: { kind: 'retry', class: 'refused', reason } };
  } catch (error) {
    return { kind: 'unknown', trace, outcome: notLooked(outcomeOfNoAnswer(error)) };
  }
}

function listMessages(graph: GraphClient, mailbox: string, query: Readonly<Record<string, string>>) {
  const encoded = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, encodeURIComponent(value)]));
  return graph.call(`/users/${encodeURIComponent(mailbox)}/messages`, (request) => request.query(encoded).get());
}

/** What the link to the next page asks for; never where it leads, for the token goes along. */
function nextQuery(json: unknown): Record<string, string> | undefined {
  const link = (json as { '@odata.nextLink'?: unknown } | undefined)?.['@odata.nextLink'];
  return typeof link === 'string' && URL.canParse(link) ? Object.fromEntries(new URL(link).searchParams) : undefined;
}

/** When ours was created, if it was. */
function timesOf({ since, until }: SoughtMail): { from: number; to: number } {
  return { from: Date.parse(since) - CLOCK_MS, to: Date.parse(until) + CLOCK_MS };
}

/** The subject as Exchange shows it: decoded, blanks folded. */
export function decodedSubject(block: HeaderBlock): string {
  const [field] = fieldsNamed(block, 'subject');
  if (!field) return '';
  return decodeText(fieldValue(field)).replace(/\s+/g, ' ').trim();
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
  const { from, to } = timesOf(mail);
  const shown = typeof subject === 'string' ? subject.replace(/\s+/g, ' ').trim() : '';
  return (
    isDraft !== true &&
    // Exchange keeps 255 characters of a subject.
    shown.slice(0, 255) === mail.subject.slice(0, 255) &&
    created >= from &&
    created <= to
  );
}

/** Looking sends nothing: whatever went wrong, it is no ambiguous attempt and no verdict on the mail. */
function notLooked(outcome: GraphOutcome): Retry {
  if (outcome.kind === 'retry') return outcome.class === 'ambiguous' ? { ...outcome, class: 'refused' } : outcome;
  const said = outcome.kind === 'reject' ? `${outcome.code}: ${outcome.reason}` : 'Graph gave no list of messages.';
  return { kind: 'retry', class: 'operator', reason: `${said}` };
}
