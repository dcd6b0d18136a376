/** The first pass over a large mail: what it holds, how large each attachment is, and whether a draft can carry it. */
import { extname } from 'node:path';
import libmime from 'libmime';
import type { HeaderBlock } from '../../mail/headerBlock.ts';
import type { PartHead } from './mimeProtocol.ts';
import { MIME_LIMITS, type MimeReadingOptions, readMime } from './mimeReading.ts';
import {
  MAX_ATTACHMENTS,
  type Unrewritable,
  unrewritableHeader,
  unrewritablePart,
  unrewritableText,
} from './unrewritable.ts';

/** Most bytes of the body that a draft is created with: the request holds the rest of the draft too, and 4 MB in all. */
const MAX_BODY_BYTES = 3_000_000;

export interface DraftBody {
  readonly contentType: 'text' | 'html';
  readonly content: string;
}

/** An attachment as it will be uploaded. */
export interface PlannedAttachment {
  readonly name: string;
  readonly contentType: string;
  /** Empty when it has none. */
  readonly contentId: string;
  /** Shown in the html body rather than in the list of attachments. */
  readonly isInline: boolean;
  readonly size: number;
  /** Undefined where the bytes are passed on unread. */
  readonly sha256: string | undefined;
}

export type DraftPlan =
  | { readonly kind: 'draft'; readonly body: DraftBody; readonly attachments: readonly PlannedAttachment[] }
  | Unrewritable;

const UNREADABLE: Unrewritable = {
  kind: 'unreadable',
  why: 'it is too deep, too long or too broken inside to be read',
};
const TOO_MANY: Unrewritable = { kind: 'attachments', why: `it has more than ${MAX_ATTACHMENTS} attachments` };
const TOO_MANY_PARTS: Unrewritable = { kind: 'attachments', why: `it has more than ${MIME_LIMITS.parts} parts` };
const TOO_MUCH_TEXT: Unrewritable = { kind: 'text', why: 'its text alone is larger than one request may be' };

/** Reads `source` to its end, or to the first thing that a draft would damage. Throws only what reading it throws. */
export async function planDraft(
  block: HeaderBlock,
  source: AsyncIterable<Buffer>,
  reading: Pick<MimeReadingOptions, 'limits' | 'workLimitMs'> = {},
): Promise<DraftPlan> {
  const byHeader = unrewritableHeader(block);
  if (byHeader) return byHeader;
  const parts: { head: PartHead; size: number; sha256: string }[] = [];
  let head: PartHead | undefined;
  for await (const event of readMime(source, { ...reading, bytes: false })) {
    if (event.type === 'gaveUp') return /child nodes exceeded/.test(event.reason) ? TOO_MANY_PARTS : UNREADABLE;
    if (event.type === 'part') {
      head = event.part;
      const found = unrewritablePart(head);
      if (found) return found;
      if (parts.length === MAX_ATTACHMENTS) return TOO_MANY;
    } else if (event.type === 'partEnd' && head) parts.push({ head, size: event.size, sha256: event.sha256 });
    else if (event.type === 'body') {
      const found = unrewritableText(event.text || event.html);
      if (found) return found;
      const body: DraftBody = event.html
        ? { contentType: 'html', content: event.html }
        : { contentType: 'text', content: event.text };
      if (Buffer.byteLength(JSON.stringify(body)) > MAX_BODY_BYTES) return TOO_MUCH_TEXT;
      return { kind: 'draft', body, attachments: planAttachments(parts, event.html) };
    }
  }
  return UNREADABLE;
}

function planAttachments(
  parts: readonly { head: PartHead; size: number; sha256: string }[],
  html: string,
): PlannedAttachment[] {
  const shown = contentIdsIn(html);
  return parts.map(({ head, size, sha256 }, index) => ({
    name: head.name || nameFor(head.contentType, index + 1),
    contentType: /^[\w.+-]+\/[\w.+-]+$/.test(head.contentType) ? head.contentType : 'application/octet-stream',
    contentId: head.contentId,
    // Outlook hides inline attachments: what no image of the body shows would be lost to the reader.
    isInline: head.contentId !== '' && shown.has(head.contentId.toLowerCase()),
    size,
    sha256,
  }));
}

/** The content ids that the body refers to (RFC 2392), in lower case. */
function contentIdsIn(html: string): Set<string> {
  const ids = new Set<string>();
  for (const [, id] of html.matchAll(/\bcid:([^"'\s<>)]{1,256})/gi)) {
    ids.add(id!.toLowerCase());
    try {
      ids.add(decodeURIComponent(id!).toLowerCase());
    } catch {
      // A broken escape: as it stands is all there is.
    }
  }
  return ids;
}

/** A name for what has none: a receiver has to be able to open it. */
function nameFor(contentType: string, number: number): string {
  if (contentType === 'message/rfc822') return `message-${number}.eml`;
  const extension = contentType ? libmime.detectExtension(contentType) : 'bin';
  return `attachment-${number}${extname(`.${extension}`) || `.${extension}`}`;
}
