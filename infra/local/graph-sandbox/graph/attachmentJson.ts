// Reads an attachment a caller has written in JSON: https://learn.microsoft.com/graph/api/resources/fileattachment

import type { AttachmentHead } from '../store/draftFolder.ts';
import { GraphError } from './graphError.ts';
import { flag, text, unreadable } from './jsonValues.ts';

/** The attachment in `json`, content decoded. Only file attachments: the sandbox has no use for the other kinds. */
export function readAttachmentJson(json: Record<string, unknown>): { head: AttachmentHead; content: Buffer } {
  const type = text('@odata.type', json['@odata.type'] ?? '');
  if (!/^#?microsoft\.graph\.fileAttachment$/i.test(type))
    throw new GraphError('BadRequest', `The sandbox takes '#microsoft.graph.fileAttachment' only, not '${type}'.`);
  const base64 = text('contentBytes', json.contentBytes);
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
    throw unreadable("Cannot convert the value of 'contentBytes' to the expected type 'Edm.Binary'.");
  return { head: readAttachmentHead(json), content: Buffer.from(base64, 'base64') };
}

/** Name, type, content id and place of an attachment, as fileAttachment and attachmentItem both write them. */
export function readAttachmentHead(json: Record<string, unknown>): AttachmentHead {
  const name = text('name', json.name ?? '');
  if (name === '') throw unreadable("The property 'name' of an attachment must not be empty.");
  return {
    name,
    contentType: text('contentType', json.contentType ?? 'application/octet-stream') || 'application/octet-stream',
    contentId: text('contentId', json.contentId ?? '').replace(/^<|>$/g, ''),
    inline: flag('isInline', json.isInline ?? false),
  };
}
