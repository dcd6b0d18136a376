// The part of OData's $filter that a mail client of the relay's kind uses: comparisons joined by "and".

import { GraphError } from './graphError.ts';
import type { MailItem } from './mailItem.ts';

/** Says whether an item matches; `messageId` is known before an item is read, and enough to rule most of them out. */
export interface ItemFilter {
  messageId(messageId: string): boolean;
  item(item: MailItem): boolean;
}

type Test = (item: MailItem) => boolean;

const TERM = /^\s*([A-Za-z]+)\s+(eq|ne|ge|gt|le|lt)\s+(?:'((?:[^']|'')*)'|([^\s']+))\s*(?:$|and(?=\s))/i;

/** Reads a `$filter`; null filters nothing. Throws ErrorInvalidUrlQueryFilter for what it does not understand. */
export function readItemFilter(filter: string | null): ItemFilter {
  const tests: Test[] = [];
  let wantedId: string | undefined;
  for (let rest = filter?.trim() ?? ''; rest !== ''; ) {
    const term = TERM.exec(rest);
    if (!term) throw notUnderstood(rest);
    const [whole, name, operator, quoted, bare] = term;
    const value = quoted?.replaceAll("''", "'");
    if (/^internetMessageId$/i.test(name!) && operator === 'eq' && value !== undefined) wantedId = value;
    else tests.push(readTest(name!.toLowerCase(), operator!.toLowerCase(), value, bare, rest));
    rest = rest.slice(whole.length).trim();
  }
  return {
    messageId: (messageId) => wantedId === undefined || messageId === wantedId,
    item: (item) => tests.every((test) => test(item)),
  };
}

function readTest(
  name: string,
  operator: string,
  text: string | undefined,
  bare: string | undefined,
  term: string,
): Test {
  if (name === 'subject' && operator === 'eq' && text !== undefined) return (item) => item.message.subject === text;
  if (name === 'isdraft' && operator === 'eq' && (bare === 'true' || bare === 'false'))
    return (item) => (item.sentAt === undefined) === (bare === 'true');
  const time = TIMES[name];
  const limit = Date.parse(bare ?? '');
  if (!time || Number.isNaN(limit)) throw notUnderstood(term);
  // Graph's times have whole seconds.
  const second = (item: MailItem) => Math.floor(Date.parse(time(item)) / 1000) * 1000;
  return (item) => compare(operator, second(item), limit);
}

const TIMES: Readonly<Record<string, (item: MailItem) => string>> = {
  createddatetime: (item) => item.createdAt,
  lastmodifieddatetime: (item) => item.changedAt,
  receiveddatetime: (item) => item.sentAt ?? item.createdAt,
  sentdatetime: (item) => item.sentAt ?? item.createdAt,
};

function compare(operator: string, value: number, limit: number): boolean {
  if (operator === 'eq') return value === limit;
  if (operator === 'ne') return value !== limit;
  if (operator === 'ge') return value >= limit;
  if (operator === 'gt') return value > limit;
  return operator === 'le' ? value <= limit : value < limit;
}

function notUnderstood(term: string): GraphError {
  return new GraphError(
    'ErrorInvalidUrlQueryFilter',
    `The query filter contains one or more invalid nodes. The sandbox does not understand "${term.slice(0, 200)}".`,
  );
}
