// Two ids for every item, as in Exchange: the immutable one, and one that ends when the item moves to another folder,
// as a draft does when it is sent. https://learn.microsoft.com/graph/outlook-immutable-id

/** Where an item is. */
export type Folder = 'drafts' | 'sentitems';

/** Immutable ids are random UUIDs (version 4); this digit in the place of the version says the folder instead. */
const DIGIT = { drafts: 'd', sentitems: 'e' } as const;
const VERSION_AT = 14;

/** The id to show for an item: the immutable one, or the one for the folder it is in. */
export function shownId(immutableId: string, folder: Folder, immutable: boolean): string {
  return immutable ? immutableId : withDigit(immutableId, DIGIT[folder]);
}

/** The immutable id behind `id` for an item in `folder`; undefined when it can only be an item elsewhere. */
export function itemId(id: string, folder: Folder): string | undefined {
  const digit = id[VERSION_AT];
  return digit === '4' || digit === DIGIT[folder] ? withDigit(id, '4') : undefined;
}

function withDigit(id: string, digit: string): string {
  return id.slice(0, VERSION_AT) + digit + id.slice(VERSION_AT + 1);
}
