/**
 * The HTTPS protocol between whoever submits mail (an edge, an application) and the function app, version 1.
 * Frozen: an edge in a factory is upgraded years after the cloud half. Fields may be added, never changed.
 */

/** Content type of a raw message (RFC 5322) in a request body. */
export const MESSAGE_CONTENT_TYPE = 'message/rfc822';
/** Content type of a problem document (RFC 9457). A refusal without it is not the relay's word on the message. */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json';
/** Carries the {@link file://./envelope.ts | envelope}, base64url(JSON). */
export const ENVELOPE_HEADER = 'x-relay-envelope';
/** RFC 9530: `sha-256=:BASE64:` over the request body as sent. */
export const DIGEST_HEADER = 'content-digest';
/** Prefix of every problem type of ours. */
export const PROBLEM_TYPE_BASE = 'https://m365-smtp-relay.dev/problems/';

/** Where a message with this id is put and asked for, below the base URL. */
export function messagePath(id: string): string {
  return `/api/messages/${id}`;
}

/** The states of a message in the cloud; `functions/storage/messageState.ts` says who moves it on. */
export const MESSAGE_STATES = ['accepted', 'sending', 'sent', 'held', 'failed'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/** The answer to an accepted PUT or POST: from here on the cloud is responsible for the mail. */
export interface AcceptedAnswer {
  readonly id: string;
  readonly state: MessageState;
}

/** The answer to `GET /api/messages/{id}`. Times are ISO 8601 or null. */
export interface MessageStatus {
  readonly id: string;
  readonly state: MessageState;
  readonly attempts: number;
  readonly acceptedAt: string;
  readonly sentAt: string | null;
  readonly due: string | null;
  readonly reason: string | null;
}

/** An RFC 9457 problem document. `type` starts with {@link PROBLEM_TYPE_BASE}. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly [extension: string]: unknown;
}

/** The last path segment of a problem's type. */
export type ProblemName =
  | 'bad-request'
  | 'unauthorized'
  | 'sender-refused'
  | 'recipient-refused'
  | 'not-found'
  | 'conflict'
  | 'message-too-large'
  | 'unsupported-media-type'
  | 'unprocessable-message'
  | 'rate-limited'
  | 'internal-error'
  | 'unavailable';

/** Statuses that, with a problem document of ours, are a verdict on the message: it will never be accepted as it is. */
export const VERDICT_STATUSES: readonly number[] = [400, 409, 413, 415, 422];
