/** The second pass: the attachments go into the draft as they come out of the message, each checked against the first. */
import type { CallGate } from './callGate.ts';
import type { DraftCalls } from './draftCalls.ts';
import type { PlannedAttachment } from './draftPlan.ts';
import { readMime } from './mimeReading.ts';
import { failedStep, type Step } from './step.ts';
import { openUploadSession, RANGE_BYTES, type UploadSession } from './uploadSession.ts';
import { readUploadUrl } from './uploadUrl.ts';

/**
 * From here on an attachment needs an upload session, which in turn takes nothing smaller
 * (https://learn.microsoft.com/graph/outlook-large-attachments).
 */
export const SESSION_FROM_BYTES = 3_000_000;

export interface DraftUploadOptions {
  readonly calls: DraftCalls;
  readonly gate: CallGate;
  readonly draftId: string;
  readonly graphBaseUrl: string;
  readonly uploadHosts: readonly string[];
  readonly timeoutMs: number;
  /** Told of bytes that have arrived. */
  onArrived(bytes: number): void;
}

/** One attachment's way into the draft: bytes are written, `end` says whether Graph has it. */
export type AttachmentWriter = UploadSession;

export interface DraftUpload {
  /** Begins the next attachment; one at a time. */
  begin(attachment: PlannedAttachment): Promise<Step<AttachmentWriter>>;
}

export function createDraftUpload(options: DraftUploadOptions): DraftUpload {
  const { calls, gate, draftId, graphBaseUrl, uploadHosts, timeoutMs, onArrived } = options;
  let range: Buffer | undefined;

  function collect(attachment: PlannedAttachment): AttachmentWriter {
    const content = Buffer.allocUnsafe(attachment.size);
    let filled = 0;
    return {
      async write(bytes) {
        if (filled + bytes.length > content.length)
          return failedStep('The attachment is longer than it was when it was measured.');
        content.set(bytes, filled);
        filled += bytes.length;
        return { ok: true, value: undefined };
      },
      async end() {
        if (filled !== content.length) return failedStep('The attachment is shorter than it was when it was measured.');
        const attached = await calls.attach(draftId, attachment, content);
        if (attached.ok) onArrived(content.length);
        return attached;
      },
    };
  }

  return {
    async begin(attachment) {
      if (attachment.size < SESSION_FROM_BYTES) return { ok: true, value: collect(attachment) };
      const opened = await calls.openUpload(draftId, attachment);
      if (!opened.ok) {
        // Where exactly Microsoft's "3 MB" lies is not published.
        const tooSmall = /ErrorAttachmentSizeShouldNotBeLessThanMinimumSize/.test(opened.outcome.reason);
        return tooSmall && attachment.size < SESSION_FROM_BYTES * 1.1
          ? { ok: true, value: collect(attachment) }
          : opened;
      }
      const reading = readUploadUrl(opened.value, graphBaseUrl, uploadHosts);
      if ('refused' in reading) return failedStep(`UploadHostRefused: ${reading.refused}`, 'operator');
      range ??= Buffer.allocUnsafeSlow(RANGE_BYTES);
      const { size: total } = attachment;
      const session = openUploadSession({ url: reading.url, total, gate, timeoutMs, onArrived }, range);
      return { ok: true, value: session };
    },
  };
}

/** Uploads what the message in `source` holds, attachment by attachment as planned. Throws what reading it throws. */
export async function uploadParts(
  upload: DraftUpload,
  attachments: readonly PlannedAttachment[],
  source: AsyncIterable<Buffer>,
): Promise<Step<void>> {
  let number = 0;
  let writer: AttachmentWriter | undefined;
  for await (const event of readMime(source, { bytes: true })) {
    if (event.type === 'gaveUp') return failedStep(`Reading the message a second time failed: ${event.reason}`);
    if (event.type === 'body') break;
    const planned = attachments[number];
    if (event.type === 'part') {
      if (!planned) return CHANGED;
      const begun = await upload.begin(planned);
      if (!begun.ok) return begun;
      writer = begun.value;
    } else if (writer && event.type === 'bytes') {
      const written = await writer.write(event.bytes);
      if (!written.ok) return written;
    } else if (writer && event.type === 'partEnd') {
      if (event.size !== planned?.size || event.sha256 !== planned.sha256) return CHANGED;
      const ended = await writer.end();
      if (!ended.ok) return ended;
      writer = undefined;
      number++;
    }
  }
  return number === attachments.length ? { ok: true, value: undefined } : CHANGED;
}

const CHANGED = failedStep('The message reads differently from the first time.');

/** Uploads one attachment as it is. Throws what reading `bytes` throws. */
export async function uploadWhole(
  upload: DraftUpload,
  attachment: PlannedAttachment,
  bytes: AsyncIterable<Buffer>,
): Promise<Step<void>> {
  const begun = await upload.begin(attachment);
  if (!begun.ok) return begun;
  for await (const chunk of bytes) {
    const written = await begun.value.write(chunk);
    if (!written.ok) return written;
  }
  return begun.value.end();
}
