// What the sandbox says about a message: one element of GET /sandbox/messages.

/** One attachment; for an inline image `contentId` has no angle brackets. */
export interface AttachmentRecord {
  readonly name: string;
  readonly contentType: string;
  /** Size and SHA-256 (hex) of the decoded content. */
  readonly bytes: number;
  readonly sha256: string;
  readonly contentId: string;
  readonly inline: boolean;
}

/**
 * One accepted message. Addresses are bare, lists never null, text is decoded, what is absent is "".
 * The order of the fields is the order they are shown in.
 */
export interface MessageRecord {
  readonly id: string;
  readonly mailbox: string;
  /** `mime`: posted as a whole; `draft`: put together by Graph from parts. */
  readonly via: 'mime' | 'draft';
  /** ISO 8601, milliseconds. */
  readonly acceptedAt: string;
  /** Several From addresses are joined by ", ". */
  readonly from: string;
  readonly sender: string;
  readonly replyTo: readonly string[];
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly subject: string;
  readonly messageId: string;
  /** Of the MIME as posted; of a draft: body and attachments together. */
  readonly bytes: number;
  readonly text: string;
  readonly html: string;
  readonly attachments: readonly AttachmentRecord[];
}

/** What only reading the whole message tells. */
export type MessageContent = Pick<MessageRecord, 'subject' | 'text' | 'html' | 'attachments'>;
