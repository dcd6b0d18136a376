// Creating, changing, sending and deleting drafts.
// https://learn.microsoft.com/graph/api/user-post-messages, message-update, message-send, message-delete

import type { Answer } from '../answer.ts';
import { draftBytes } from '../store/describeDraft.ts';
import type { Draft } from '../store/draftFolder.ts';
import { DraftGone, type DraftStore, type OpenDraft } from '../store/draftStore.ts';
import type { MessageStore } from '../store/messageStore.ts';
import type { DraftMessage, Recipient } from './draftMessage.ts';
import { type GraphCall, jsonBody, mediaType } from './graphCall.ts';
import { GraphError } from './graphError.ts';
import { itemView, preferenceApplied } from './itemView.ts';
import { flag, object } from './jsonValues.ts';
import type { Mailbox } from './mailboxes.ts';
import { draftItem, type MailItems } from './mailItem.ts';
import { readMessageJson } from './messageJson.ts';
import { postedMime, requireRecipients } from './postedMime.ts';
import type { GraphRoute } from './routes.ts';

const EMPTY: Omit<DraftMessage, 'internetMessageId'> = {
  subject: '',
  bodyType: 'text',
  body: '',
  from: null,
  sender: null,
  to: [],
  cc: [],
  bcc: [],
  replyTo: [],
  importance: 'normal',
  isDeliveryReceiptRequested: false,
  isReadReceiptRequested: false,
  isRead: true,
  categories: [],
  headers: [],
  extendedProperties: [],
  fromMime: false,
};

/** The routes for whole drafts, and `sendMail` with JSON, which is a draft sent at once. */
export function createDraftCalls(drafts: DraftStore, items: MailItems, messages: MessageStore) {
  async function create(call: GraphCall, json: Record<string, unknown>): Promise<OpenDraft> {
    const { properties, attachments } = readMessageJson(json);
    const opened = await drafts.create(call.mailbox.address, {
      ...EMPTY,
      internetMessageId: newMessageId(),
      ...properties,
    });
    for (const { head, content } of attachments) await opened.attach(head, content);
    return opened;
  }

  async function createFromMime(call: GraphCall): Promise<OpenDraft> {
    const { mime, header } = postedMime(call);
    const content = await messages.readMime(mime);
    return drafts.create(
      call.mailbox.address,
      {
        ...EMPTY,
        subject: content?.subject ?? header.subject,
        bodyType: content?.html ? 'html' : 'text',
        body: content?.html || content?.text || '',
        from: header.from[0] === undefined ? null : named(header.from[0]),
        sender: header.sender === '' ? null : named(header.sender),
        to: header.to.map(named),
        cc: header.cc.map(named),
        bcc: header.bcc.map(named),
        replyTo: header.replyTo.map(named),
        internetMessageId: header.messageId || newMessageId(),
        fromMime: true,
      },
      mime,
    );
  }

  async function post(call: GraphCall): Promise<Answer> {
    const opened = mediaType(call) === 'text/plain' ? await createFromMime(call) : await create(call, jsonBody(call));
    return shown(201, opened, call);
  }

  async function patch(call: GraphCall): Promise<Answer> {
    const json = jsonBody(call);
    const { properties } = readMessageJson(json);
    for (const name of ['attachments', 'internetMessageHeaders'])
      if (name in json) throw new GraphError('BadRequest', `'${name}' can be set when a message is created only.`);
    const sent = (await items.item(call)).sentAt !== undefined;
    if (sent) throw new GraphError('ErrorAccessDenied', 'The sandbox does not change messages that were sent.');
    const opened = items.draft(call);
    await opened.change((message) => ({ ...message, ...properties }));
    return shown(200, opened, call);
  }

  async function send(call: GraphCall): Promise<Answer> {
    const opened = items.draft(call);
    if (!(await opened.send((draft) => requireSendable(draft, call.mailbox)))) throw new DraftGone();
    return { status: 202 };
  }

  async function remove(call: GraphCall): Promise<Answer> {
    const item = await items.item(call);
    if (item.sentAt === undefined) await items.draft(call).remove();
    else items.hideSent(item.id);
    return { status: 204 };
  }

  /** `{"message": {…}, "saveToSentItems": true}`; both names are taken in any case, as Graph does. */
  async function sendJson(call: GraphCall): Promise<Answer> {
    const json = new Map(Object.entries(jsonBody(call)).map(([name, value]) => [name.toLowerCase(), value]));
    const save = flag('saveToSentItems', json.get('savetosentitems') ?? true);
    const opened = await create(call, object('message', json.get('message')));
    try {
      await opened.send((draft) => requireSendable(draft, call.mailbox));
    } finally {
      await opened.remove();
    }
    if (!save) items.hideSent(opened.draft.id);
    return { status: 202 };
  }

  const message = 'users/{user}/messages/{message}';
  const routes: GraphRoute[] = [
    { method: 'POST', path: 'users/{user}/messages', handler: post },
    { method: 'PATCH', path: message, handler: patch },
    { method: 'DELETE', path: message, handler: remove },
    { method: 'POST', path: `${message}/permanentDelete`, handler: remove },
    { method: 'POST', path: `${message}/send`, handler: send },
  ];
  return { routes, sendJson };
}

/** Refuses a draft that Graph would not submit. */
function requireSendable(draft: Draft, mailbox: Mailbox): void {
  const { to, cc, bcc, from, sender } = draft.message;
  const addresses = [...to, ...cc, ...bcc].map((recipient) => recipient.address);
  const unresolved = addresses.filter((address) => !/^[^@]+@?.*@[^@]+$/.test(address));
  requireRecipients(addresses, unresolved);
  mailbox.requireSendAs([from, sender].flatMap((one) => (one ? [one.address] : [])));
  if (draftBytes(draft) > mailbox.maxSendBytes) throw new GraphError('ErrorMessageSizeExceeded');
}

function shown(status: number, { draft }: OpenDraft, call: GraphCall): Answer {
  const context = `${call.origin}/v1.0/$metadata#users('${encodeURIComponent(draft.mailbox)}')/messages/$entity`;
  return {
    status,
    headers: preferenceApplied(call),
    json: { '@odata.context': context, ...itemView(draftItem(draft), call) },
  };
}

function named(address: string): Recipient {
  return { name: '', address };
}

function newMessageId(): string {
  return `<${crypto.randomUUID()}@graph-sandbox.invalid>`;
}
