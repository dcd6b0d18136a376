// Items as Graph shows them in JSON.

import type { DraftAttachment } from '../store/draftFolder.ts';
import type { Recipient } from './draftMessage.ts';
import { type GraphCall, wantsImmutableIds } from './graphCall.ts';
import { GraphError } from './graphError.ts';
import { shownId } from './itemIds.ts';
import type { MailItem } from './mailItem.ts';

/** Shown only when asked for. */
const ON_REQUEST = new Set(['internetMessageHeaders', 'singleValueExtendedProperties']);

/** A message, with the properties that `$select` names, or all. */
export function itemView(item: MailItem, call: GraphCall): Record<string, unknown> {
  const { message } = item;
  const properties: Record<string, unknown> = {
    id: shownId(item.id, item.folder, wantsImmutableIds(call)),
    createdDateTime: seconds(item.createdAt),
    lastModifiedDateTime: seconds(item.changedAt),
    changeKey: Buffer.from(item.changedAt).toString('base64'),
    categories: message.categories,
    receivedDateTime: seconds(item.sentAt ?? item.createdAt),
    sentDateTime: seconds(item.sentAt ?? item.createdAt),
    hasAttachments: item.attachments.some((attachment) => !attachment.inline),
    internetMessageId: message.internetMessageId,
    subject: message.subject,
    bodyPreview: message.bodyType === 'text' ? message.body.slice(0, 255) : '',
    importance: message.importance,
    parentFolderId: item.folder,
    conversationId: item.id,
    isDeliveryReceiptRequested: message.isDeliveryReceiptRequested,
    isReadReceiptRequested: message.isReadReceiptRequested,
    isRead: message.isRead,
    isDraft: item.sentAt === undefined,
    webLink: `${call.origin}/`,
    inferenceClassification: 'focused',
    body: { contentType: message.bodyType, content: message.body },
    sender: address(message.sender),
    from: address(message.from),
    toRecipients: message.to.map(address),
    ccRecipients: message.cc.map(address),
    bccRecipients: message.bcc.map(address),
    replyTo: message.replyTo.map(address),
    flag: { flagStatus: 'notFlagged' },
    internetMessageHeaders: message.headers,
    singleValueExtendedProperties: message.extendedProperties,
  };
  const selected = call.query
    .get('$select')
    ?.split(',')
    .map((name) => name.trim());
  const names = selected
    ? ['id', ...selected.map((name) => propertyName(name, properties))]
    : Object.keys(properties).filter((name) => !ON_REQUEST.has(name));
  return { ...Object.fromEntries(names.map((name) => [name, properties[name]])), ...expanded(item, call) };
}

/** Extended properties are shown by `$expand`, which names the one that is wanted. */
function expanded({ message }: MailItem, call: GraphCall): Record<string, unknown> {
  const text = call.query.get('$expand');
  if (text === null) return {};
  const wanted = /^singleValueExtendedProperties\(\$filter=id eq '([^']+)'\)$/i.exec(text)?.[1];
  if (wanted === undefined)
    throw new GraphError('BadRequest', `The sandbox expands singleValueExtendedProperties($filter=id eq '…') only.`);
  const found = message.extendedProperties.filter(({ id }) => id === wanted);
  return found.length > 0 ? { singleValueExtendedProperties: found } : {};
}

/** A file attachment without its content. */
export function attachmentView(attachment: DraftAttachment): Record<string, unknown> {
  return {
    '@odata.type': '#microsoft.graph.fileAttachment',
    '@odata.mediaContentType': attachment.contentType,
    id: attachment.id,
    lastModifiedDateTime: seconds(attachment.changedAt),
    name: attachment.name,
    contentType: attachment.contentType,
    size: attachment.bytes,
    isInline: attachment.inline,
    contentId: attachment.contentId === '' ? null : attachment.contentId,
    contentLocation: null,
  };
}

/** The headers every answer about items has. */
export function preferenceApplied(call: GraphCall): Record<string, string> {
  return wantsImmutableIds(call) ? { 'preference-applied': 'IdType="ImmutableId"' } : {};
}

function propertyName(name: string, properties: Record<string, unknown>): string {
  const found = Object.keys(properties).find((known) => known.toLowerCase() === name.toLowerCase());
  if (found) return found;
  throw new GraphError(
    'RequestBroker--ParseUri',
    `Could not find a property named '${name}' on type 'Microsoft.OutlookServices.Message'.`,
  );
}

function address(recipient: Recipient | null) {
  return recipient && { emailAddress: { name: recipient.name || recipient.address, address: recipient.address } };
}

function seconds(time: string): string {
  return `${time.slice(0, 19)}Z`;
}
