// Attachments of a draft that are small enough for one request, and looking at all of them.
// https://learn.microsoft.com/graph/api/message-post-attachments

import { createReadStream } from 'node:fs';
import type { Answer } from '../answer.ts';
import { contentPath } from '../store/draftFolder.ts';
import { readAttachmentJson } from './attachmentJson.ts';
import { type GraphCall, jsonBody } from './graphCall.ts';
import { GraphError } from './graphError.ts';
import { attachmentView } from './itemView.ts';
import type { MailItems } from './mailItem.ts';
import type { GraphRoute } from './routes.ts';

/** From here on an attachment needs an upload session, which in turn takes nothing smaller. MB = 1,000,000 bytes. */
export const UPLOAD_FROM_BYTES = 3_000_000;

/** The routes for attachments. */
export function createAttachmentCalls(items: MailItems): GraphRoute[] {
  async function post(call: GraphCall): Promise<Answer> {
    const opened = items.draft(call);
    const { head, content } = readAttachmentJson(jsonBody(call));
    if (content.length >= UPLOAD_FROM_BYTES)
      throw new GraphError(
        'ErrorAttachmentSizeLimitExceeded',
        'An attachment of 3 MB or more does not go in one request; create an upload session.',
      );
    return { status: 201, json: attachmentView(await opened.attach(head, content)) };
  }

  async function list(call: GraphCall): Promise<Answer> {
    const { attachments } = await items.item(call);
    return { status: 200, json: { value: attachments.map(attachmentView) } };
  }

  async function find(call: GraphCall) {
    const { attachments } = await items.item(call);
    const attachment = attachments.find((one) => one.id === call.params.attachment);
    if (!attachment) throw new GraphError('ErrorItemNotFound');
    return attachment;
  }

  async function content(call: GraphCall): Promise<Answer> {
    const { id, bytes, contentType } = await find(call);
    const stream = createReadStream(contentPath(items.draft(call).folder, id));
    return { status: 200, headers: { 'content-length': String(bytes) }, type: contentType, stream };
  }

  async function remove(call: GraphCall): Promise<Answer> {
    const { id } = await find(call);
    await items.draft(call).detach(id);
    return { status: 204 };
  }

  const attachments = 'users/{user}/messages/{message}/attachments';
  const one = `${attachments}/{attachment}`;
  return [
    { method: 'POST', path: attachments, handler: post },
    { method: 'GET', path: attachments, handler: list },
    { method: 'GET', path: one, handler: async (call) => ({ status: 200, json: attachmentView(await find(call)) }) },
    { method: 'GET', path: `${one}/$value`, handler: content },
    { method: 'DELETE', path: one, handler: remove },
  ];
}
