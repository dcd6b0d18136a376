// Graph's refusals: code, status and text as Microsoft documents them or as they were seen in the wild.

import type { Answer } from '../answer.ts';

/** Status and text that go with a code. Where Graph's own text is not published, ours says what is wrong. */
const KNOWN = {
  ApplicationThrottled: [429, 'Application is over its MailboxConcurrency limit.'],
  BadRequest: [400, 'The request is not valid.'],
  ErrorAccessDenied: [403, 'Access is denied. Check credentials and try again.'],
  ErrorAttachmentSessionIsSupportedOnlyForFileAttachments: [
    405,
    'Attachment upload sessions are supported for file attachments only.',
  ],
  ErrorAttachmentSizeLimitExceeded: [413, 'The attachment is larger than 150 MB.'],
  ErrorAttachmentSizeShouldNotBeLessThanMinimumSize: [
    400,
    'The size of the attachment is less than the minimum size of an upload session, 3 MB.',
  ],
  ErrorInternalServerError: [500, 'An internal server error occurred. The operation failed.'],
  ErrorInvalidRecipients: [
    400,
    "At least one recipient is not valid., A message can't be sent because it contains no recipients.",
  ],
  ErrorInvalidUser: [404, 'The requested user is invalid.'],
  ErrorInvalidUrlQueryFilter: [400, 'The query filter contains one or more invalid nodes.'],
  ErrorItemNotFound: [404, 'The specified object was not found in the store.'],
  ErrorMessageSizeExceeded: [413, 'The message exceeds the maximum supported size.'],
  ErrorMimeContentInvalidBase64String: [400, 'Invalid base64 string for MIME content.'],
  ErrorSendAsDenied: [
    403,
    'The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account., Cannot submit message.',
  ],
  InvalidAuthenticationToken: [401, 'Access token is empty.'],
  InvalidInternetMessageHeader: [400, "The internet message header name should start with 'x-' or 'X-'."],
  InvalidInternetMessageHeaderCollection: [
    400,
    'The number of internet message headers is invalid. It should be less or equal to 5.',
  ],
  InvalidRange: [416, 'The range does not start where the upload session expects it.'],
  MailboxNotEnabledForRESTAPI: [404, 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.'],
  'RequestBroker--ParseUri': [400, 'The query is not valid.'],
  RequestBodyRead: [400, 'The request body cannot be read.'],
  TooManyRequests: [429, 'Too many requests.'],
  UnsupportedMediaType: [415, 'The content type of the request is not supported.'],
} as const satisfies Record<string, readonly [number, string]>;

/** A code this sandbox gives of itself. */
export type GraphErrorCode = keyof typeof KNOWN;

/** A call refused; the door turns it into Graph's answer. */
export class GraphError extends Error {
  readonly code: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: GraphErrorCode, message?: string, headers: Readonly<Record<string, string>> = {}) {
    super(message ?? KNOWN[code][1]);
    this.code = code;
    this.status = KNOWN[code][0];
    this.headers = headers;
  }
}

/** The ids that tie an answer to its request. */
export interface RequestIds {
  readonly requestId: string;
  readonly clientRequestId: string;
}

/** Graph's error answer: https://learn.microsoft.com/graph/errors */
export function errorAnswer(
  status: number,
  code: string,
  message: string | undefined,
  ids: RequestIds,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const text = message ?? (code in KNOWN ? KNOWN[code as GraphErrorCode][1] : 'The call failed as a test has asked.');
  return {
    status,
    headers,
    json: {
      error: {
        code,
        message: text,
        innerError: {
          date: new Date().toISOString().slice(0, 19),
          'request-id': ids.requestId,
          'client-request-id': ids.clientRequestId,
        },
      },
    },
  };
}

/** What the gateway in front of Graph says to a body it does not let through: not JSON. */
export function tooLargeAnswer(): Answer {
  return {
    status: 413,
    type: 'text/html; charset=us-ascii',
    bytes: Buffer.from(
      '<html><head><title>413 Request Entity Too Large</title></head><body>Request Entity Too Large</body></html>',
    ),
  };
}
