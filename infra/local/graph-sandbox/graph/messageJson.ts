// Reads a message a caller has written in JSON: https://learn.microsoft.com/graph/api/resources/message

import type { AttachmentHead } from '../store/draftFolder.ts';
import { readAttachmentJson } from './attachmentJson.ts';
import type { DraftMessage, Recipient } from './draftMessage.ts';
import { GraphError } from './graphError.ts';
import { flag, list, object, text, unreadable } from './jsonValues.ts';

const MOST_HEADERS = 5;
/** Properties of a message that Graph sets itself: it takes them without an error and does not keep them. */
const IGNORED = new Set(
  `id createdDateTime lastModifiedDateTime changeKey receivedDateTime sentDateTime hasAttachments bodyPreview
   parentFolderId conversationId conversationIndex isDraft webLink inferenceClassification uniqueBody flag
   multiValueExtendedProperties extensions`.split(/\s+/),
);

/** What was written: properties of the message, and attachments with their content. */
export interface WrittenMessage {
  readonly properties: Partial<DraftMessage>;
  readonly attachments: readonly { readonly head: AttachmentHead; readonly content: Buffer }[];
}

/** The properties in `json`. Throws what Graph answers to one it does not know, or cannot read. */
export function readMessageJson(json: Readonly<Record<string, unknown>>): WrittenMessage {
  const properties: { -readonly [Name in keyof DraftMessage]?: DraftMessage[Name] } = {};
  const attachments: WrittenMessage['attachments'][number][] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name.startsWith('@odata.') || IGNORED.has(name)) continue;
    switch (name) {
      case 'subject':
        properties.subject = text(name, value ?? '');
        break;
      case 'internetMessageId':
        properties.internetMessageId = text(name, value);
        break;
      case 'body':
        Object.assign(properties, readBody(value));
        break;
      case 'from':
      case 'sender':
        properties[name] = value === null ? null : recipient(name, value);
        break;
      case 'toRecipients':
        properties.to = recipients(name, value);
        break;
      case 'ccRecipients':
        properties.cc = recipients(name, value);
        break;
      case 'bccRecipients':
        properties.bcc = recipients(name, value);
        break;
      case 'replyTo':
        properties.replyTo = recipients(name, value);
        break;
      case 'importance':
        properties.importance = importance(value);
        break;
      case 'isDeliveryReceiptRequested':
      case 'isReadReceiptRequested':
      case 'isRead':
        properties[name] = flag(name, value);
        break;
      case 'categories':
        properties.categories = list(name, value).map((entry) => text(name, entry));
        break;
      case 'internetMessageHeaders':
        properties.headers = readHeaders(value);
        break;
      case 'singleValueExtendedProperties':
        properties.extendedProperties = list(name, value).map((entry) => {
          const property = object(name, entry);
          return { id: text('id', property.id), value: text('value', property.value) };
        });
        break;
      case 'attachments':
        for (const entry of list(name, value)) attachments.push(readAttachmentJson(object(name, entry)));
        break;
      default:
        throw unreadable(
          `The property '${name.slice(0, 100)}' does not exist on type 'microsoft.graph.message'. Make sure to only use property names that are defined by the type.`,
        );
    }
  }
  return { properties, attachments };
}

function readBody(value: unknown): Pick<DraftMessage, 'bodyType' | 'body'> {
  const body = object('body', value);
  const type = text('contentType', body.contentType ?? 'text').toLowerCase();
  if (type !== 'text' && type !== 'html') throw unreadable(`'${type}' is not a contentType of a body.`);
  return { bodyType: type, body: text('content', body.content ?? '') };
}

function recipients(name: string, value: unknown): Recipient[] {
  return list(name, value).map((entry) => recipient(name, entry));
}

function recipient(name: string, value: unknown): Recipient {
  const { name: displayName, address } = object('emailAddress', object(name, value).emailAddress);
  return { name: text('name', displayName ?? ''), address: text('address', address ?? '') };
}

function importance(value: unknown): DraftMessage['importance'] {
  const level = text('importance', value).toLowerCase();
  if (level === 'low' || level === 'normal' || level === 'high') return level;
  throw unreadable(`'${level}' is not an importance.`);
}

function readHeaders(value: unknown): DraftMessage['headers'] {
  const headers = list('internetMessageHeaders', value).map((entry) => {
    const header = object('internetMessageHeaders', entry);
    return { name: text('name', header.name), value: text('value', header.value) };
  });
  if (headers.length === 0 || headers.length > MOST_HEADERS)
    throw new GraphError('InvalidInternetMessageHeaderCollection');
  for (const { name } of headers)
    if (!/^x-/i.test(name))
      throw new GraphError(
        'InvalidInternetMessageHeader',
        `The internet message header name '${name}' should start with 'x-' or 'X-'.`,
      );
  return headers;
}
