// The message of a draft as Graph keeps it: https://learn.microsoft.com/graph/api/resources/message

/** An address with a display name. */
export interface Recipient {
  readonly name: string;
  readonly address: string;
}

/** The properties of a draft that the sandbox keeps. */
export interface DraftMessage {
  readonly subject: string;
  readonly bodyType: 'text' | 'html';
  readonly body: string;
  readonly from: Recipient | null;
  readonly sender: Recipient | null;
  readonly to: readonly Recipient[];
  readonly cc: readonly Recipient[];
  readonly bcc: readonly Recipient[];
  readonly replyTo: readonly Recipient[];
  readonly importance: 'low' | 'normal' | 'high';
  readonly internetMessageId: string;
  readonly isDeliveryReceiptRequested: boolean;
  readonly isReadReceiptRequested: boolean;
  readonly isRead: boolean;
  readonly categories: readonly string[];
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly extendedProperties: readonly { readonly id: string; readonly value: string }[];
  /** True when it was created from MIME, which is then kept beside it. */
  readonly fromMime: boolean;
}
