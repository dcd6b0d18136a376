// Looking at messages: one by id, or a list with $filter, $top and $skip.
// https://learn.microsoft.com/graph/api/message-get, user-list-messages

import type { Answer } from '../answer.ts';
import type { GraphCall } from './graphCall.ts';
import { GraphError } from './graphError.ts';
import { readItemFilter } from './itemFilter.ts';
import type { Folder } from './itemIds.ts';
import { itemView, preferenceApplied } from './itemView.ts';
import type { MailItems } from './mailItem.ts';
import type { GraphRoute } from './routes.ts';

const DEFAULT_PAGE = 10;
const LARGEST_PAGE = 1000;

/** The routes that look and change nothing. */
export function createItemCalls(items: MailItems): GraphRoute[] {
  const get = async (call: GraphCall): Promise<Answer> => ({
    status: 200,
    headers: preferenceApplied(call),
    json: { '@odata.context': context(call), ...itemView(await items.item(call), call) },
  });
  const list = (folder: Folder | undefined) => async (call: GraphCall) => page(call, items, folder);
  const inFolder = async (call: GraphCall) => page(call, items, readFolder(call.params.folder ?? ''));
  return [
    { method: 'GET', path: 'users/{user}/messages/{message}', handler: get },
    { method: 'GET', path: 'users/{user}/messages', handler: list(undefined) },
    { method: 'GET', path: 'users/{user}/mailFolders/{folder}/messages', handler: inFolder },
  ];
}

async function page(call: GraphCall, items: MailItems, folder: Folder | undefined): Promise<Answer> {
  const filter = readItemFilter(call.query.get('$filter'));
  const top = readCount(call, '$top', DEFAULT_PAGE, LARGEST_PAGE);
  const skip = readCount(call, '$skip', 0, Number.MAX_SAFE_INTEGER);
  const matching = (await items.list(call, folder, filter.messageId)).filter(filter.item);
  const value = matching.slice(skip, skip + top).map((item) => itemView(item, call));
  const query = new URLSearchParams(call.query);
  query.set('$skip', String(skip + top));
  const more = matching.length > skip + top && { '@odata.nextLink': `${call.origin}${call.path}?${query}` };
  return {
    status: 200,
    headers: preferenceApplied(call),
    json: { '@odata.context': context(call), ...more, value },
  };
}

function readFolder(name: string): Folder {
  const folder = name.toLowerCase();
  if (folder === 'drafts' || folder === 'sentitems') return folder;
  throw new GraphError('ErrorItemNotFound', `The sandbox has the folders drafts and sentitems, not '${name}'.`);
}

function readCount(call: GraphCall, name: string, otherwise: number, most: number): number {
  const value = call.query.get(name);
  if (value === null) return otherwise;
  if (!/^\d+$/.test(value) || Number(value) > most)
    throw new GraphError('BadRequest', `Invalid value '${value}' for ${name} query option.`);
  return Number(value);
}

function context(call: GraphCall): string {
  return `${call.origin}/v1.0/$metadata#users('${encodeURIComponent(call.mailbox.address)}')/messages`;
}
