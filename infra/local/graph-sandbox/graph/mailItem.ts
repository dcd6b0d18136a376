// The items of a mailbox, drafts and sent ones, found by id or listed, in one shape.

import { type DraftAttachment, readDraft } from '../store/draftFolder.ts';
import type { DraftStore, OpenDraft } from '../store/draftStore.ts';
import { headerFields } from '../store/mailHeader.ts';
import type { MessageStore } from '../store/messageStore.ts';
import type { DraftMessage, Recipient } from './draftMessage.ts';
import type { GraphCall } from './graphCall.ts';
import { GraphError } from './graphError.ts';
import { type Folder, itemId } from './itemIds.ts';

/** An item as Graph would show it. */
export interface MailItem {
  readonly id: string;
  readonly folder: Folder;
  readonly createdAt: string;
  readonly changedAt: string;
  /** Undefined for a draft. */
  readonly sentAt: string | undefined;
  readonly message: DraftMessage;
  readonly attachments: readonly DraftAttachment[];
}

export interface MailItems {
  /** The draft the call names; throws ErrorItemNotFound when there is none (any more). */
  draft(call: GraphCall): OpenDraft;
  /** The item the call names, in whatever folder. */
  item(call: GraphCall): Promise<MailItem>;
  /** All items of the mailbox, newest first; of one folder if given. `wanted` is asked before an item is read. */
  list(call: GraphCall, folder: Folder | undefined, wanted: (messageId: string) => boolean): Promise<MailItem[]>;
  /** Takes a sent item out of the mailbox. What was delivered stays delivered. Forgotten at a restart. */
  hideSent(id: string): void;
}

/** The items in both stores. */
export function createMailItems(drafts: DraftStore, messages: MessageStore): MailItems {
  const hidden = new Set<string>();
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

  async function sent(id: string): Promise<MailItem | undefined> {
    const record = await messages.record(id);
    if (!record) return undefined;
    const { acceptedAt } = record;
    const folder = messages.draftFolder(id);
    if (folder !== undefined) {
      const draft = await readDraft(folder);
      return { ...draftItem(draft), folder: 'sentitems', changedAt: acceptedAt, sentAt: acceptedAt };
    }
    const mime = await messages.mime(id);
    const fields = mime && headerFields(mime.start);
    return {
      id,
      folder: 'sentitems',
      createdAt: acceptedAt,
      changedAt: acceptedAt,
      sentAt: acceptedAt,
      message: {
        subject: record.subject,
        bodyType: record.html === '' ? 'text' : 'html',
        body: record.html || record.text,
        from: named(record.from || record.mailbox),
        sender: named(record.sender || record.mailbox),
        to: record.to.map(named),
        cc: record.cc.map(named),
        bcc: record.bcc.map(named),
        replyTo: record.replyTo.map(named),
        importance: 'normal',
        internetMessageId: record.messageId,
        isDeliveryReceiptRequested: false,
        isReadReceiptRequested: false,
        isRead: true,
        categories: [],
        headers: [...(fields ?? [])].flatMap(([name, values]) =>
          values.map((value) => ({ name, value: value.trim() })),
        ),
        extendedProperties: [],
        fromMime: true,
      },
      attachments: record.attachments.map((attachment, index) => ({
        ...attachment,
        id: String(index),
        changedAt: acceptedAt,
      })),
    };
  }

  function draft(call: GraphCall): OpenDraft {
    const id = itemId(call.params.message ?? '', 'drafts');
    const found = id === undefined ? undefined : drafts.find(id);
    if (!found || !same(found.draft.mailbox, call.mailbox.address)) throw new GraphError('ErrorItemNotFound');
    return found;
  }

  async function item(call: GraphCall): Promise<MailItem> {
    const given = call.params.message ?? '';
    const draftId = itemId(given, 'drafts');
    if (draftId !== undefined && drafts.find(draftId)) return draftItem(draft(call).draft);
    await messages.settled();
    const id = itemId(given, 'sentitems');
    const summary = id === undefined || hidden.has(id) ? undefined : messages.find(id);
    const found = summary && same(summary.mailbox, call.mailbox.address) ? await sent(summary.id) : undefined;
    if (!found) throw new GraphError('ErrorItemNotFound');
    return found;
  }

  async function list(call: GraphCall, folder: Folder | undefined, wanted: (messageId: string) => boolean) {
    await messages.settled();
    const items: MailItem[] = [];
    if (folder !== 'sentitems')
      for (const one of drafts.list().toReversed())
        if (same(one.mailbox, call.mailbox.address) && wanted(one.message.internetMessageId))
          items.push(draftItem(one));
    if (folder !== 'drafts')
      for (const { id, mailbox, messageId } of messages.summaries().toReversed())
        if (same(mailbox, call.mailbox.address) && !hidden.has(id) && wanted(messageId)) {
          const found = await sent(id);
          if (found) items.push(found);
        }
    return items.sort((a, b) => Date.parse(b.changedAt) - Date.parse(a.changedAt));
  }

  return { draft, item, list, hideSent: (id) => void hidden.add(id) };
}

/** A draft as an item. */
export function draftItem(draft: OpenDraft['draft']): MailItem {
  const { id, createdAt, changedAt, attachments, mailbox } = draft;
  const own = named(mailbox);
  const message = { ...draft.message, from: draft.message.from ?? own, sender: draft.message.sender ?? own };
  return { id, folder: 'drafts', createdAt, changedAt, sentAt: undefined, message, attachments };
}

function named(address: string): Recipient {
  return { name: address, address };
}
