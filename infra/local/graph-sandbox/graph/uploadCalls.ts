// Upload sessions for large attachments.
// https://learn.microsoft.com/graph/outlook-large-attachments, attachment-createuploadsession

import type { Answer } from '../answer.ts';
import type { DraftUpload } from '../store/draftFolder.ts';
import type { OpenDraft } from '../store/draftStore.ts';
import { UPLOAD_FROM_BYTES } from './attachmentCalls.ts';
import { readAttachmentHead } from './attachmentJson.ts';
import { type GraphCall, jsonBody, mediaType } from './graphCall.ts';
import { GraphError } from './graphError.ts';
import { object, text, unreadable } from './jsonValues.ts';
import type { MailItems } from './mailItem.ts';
import type { GraphRoute } from './routes.ts';

const MOST_BYTES = 150_000_000;
/** A range must be smaller. Microsoft says "less than 4 MB"; where exactly the service stops is not published. */
const RANGE_BELOW_BYTES = 4_000_000;

/** The routes that create an upload session and feed it. */
export function createUploadCalls(items: MailItems): GraphRoute[] {
  async function create(call: GraphCall): Promise<Answer> {
    const opened = items.draft(call);
    const [[name, value] = ['', undefined]] = Object.entries(jsonBody(call));
    if (!/^attachmentItem$/i.test(name))
      throw unreadable("The body must be an object with the property 'AttachmentItem'.");
    const item = object('AttachmentItem', value);
    const type = text('attachmentType', item.attachmentType).toLowerCase();
    if (type === 'item' || type === 'reference')
      throw new GraphError('ErrorAttachmentSessionIsSupportedOnlyForFileAttachments');
    if (type !== 'file') throw unreadable(`'${type}' is not an attachmentType.`);
    const { size } = item;
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0)
      throw unreadable("The property 'size' must be a whole number.");
    if (size < UPLOAD_FROM_BYTES) throw new GraphError('ErrorAttachmentSizeShouldNotBeLessThanMinimumSize');
    if (size > MOST_BYTES) throw new GraphError('ErrorAttachmentSizeLimitExceeded');
    const upload = await opened.openUpload(readAttachmentHead(item), size);
    const { user, message } = call.params as { user: string; message: string };
    const path = ['users', user, 'messages', message, 'attachmentSessions', upload.id]
      .map(encodeURIComponent)
      .join('/');
    return {
      status: 201,
      json: {
        '@odata.context': `${call.origin}/v1.0/$metadata#microsoft.graph.uploadSession`,
        uploadUrl: `${call.origin}/v1.0/${path}?authtoken=${upload.token}`,
        expirationDateTime: upload.expiresAt,
        nextExpectedRanges: ['0-'],
      },
    };
  }

  function session(call: GraphCall): { opened: OpenDraft; upload: DraftUpload } {
    if (call.headers.authorization !== undefined)
      throw new GraphError('InvalidAuthenticationToken', 'An upload URL is called without an Authorization header.');
    const opened = items.draft(call);
    const upload = opened.draft.uploads.find((one) => one.id === call.params.session);
    if (!upload || Date.parse(upload.expiresAt) < Date.now())
      throw new GraphError('ErrorItemNotFound', 'The upload session was not found. It may have expired or ended.');
    if (call.query.get('authtoken') !== upload.token)
      throw new GraphError('InvalidAuthenticationToken', 'The authtoken of the upload URL is not valid.');
    return { opened, upload };
  }

  async function put(call: GraphCall): Promise<Answer> {
    const { opened, upload } = session(call);
    const { start, bytes } = readRange(call, upload);
    if (!(await opened.upload(upload.id, start, bytes))) {
      const expected = opened.received(upload.id);
      throw new GraphError('InvalidRange', `The range starts at ${start}; the session expects byte ${expected}.`);
    }
    if (start + bytes.length < upload.bytes) return progress(opened, upload);
    const { id, mailbox } = opened.draft;
    return {
      status: 201,
      headers: {
        location: `${call.origin}/api/v2.0/Users('${encodeURIComponent(mailbox)}')/Messages('${id}')/Attachments('${upload.id}')`,
      },
    };
  }

  async function status(call: GraphCall): Promise<Answer> {
    const { opened, upload } = session(call);
    return progress(opened, upload);
  }

  async function cancel(call: GraphCall): Promise<Answer> {
    const { opened, upload } = session(call);
    await opened.cancelUpload(upload.id);
    return { status: 204 };
  }

  const message = 'users/{user}/messages/{message}';
  const one = { path: `${message}/attachmentSessions/{session}`, preauthorised: true };
  return [
    { method: 'POST', path: `${message}/attachments/createUploadSession`, handler: create },
    { method: 'PUT', ...one, handler: put },
    { method: 'GET', ...one, handler: status },
    { method: 'DELETE', ...one, handler: cancel },
  ];
}

/** Spelling and form are those of Microsoft's example: another case than at creation, and no dash after the number. */
function progress(opened: OpenDraft, upload: DraftUpload): Answer {
  return {
    status: 200,
    json: { ExpirationDateTime: upload.expiresAt, nextExpectedRanges: [String(opened.received(upload.id))] },
  };
}

function readRange(call: GraphCall, upload: DraftUpload): { start: number; bytes: Buffer } {
  if (mediaType(call) !== 'application/octet-stream')
    throw new GraphError('UnsupportedMediaType', 'Content-Type must be application/octet-stream.');
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(call.headers['content-range'] ?? '');
  if (!range) throw new GraphError('BadRequest', 'Content-Range must be "bytes {start}-{end}/{total}".');
  const [start, end, total] = range.slice(1).map(Number) as [number, number, number];
  if (total !== upload.bytes)
    throw new GraphError(
      'BadRequest',
      `Content-Range says ${total} bytes in all, the session was created for ${upload.bytes}.`,
    );
  if (call.body.tooLarge || call.body.bytes.length !== end - start + 1 || end >= total)
    throw new GraphError('BadRequest', 'The body does not have the length that Content-Range says.');
  if (call.body.bytes.length >= RANGE_BELOW_BYTES)
    throw new GraphError('BadRequest', 'A range must be smaller than 4 MB.');
  return { start, bytes: call.body.bytes };
}
