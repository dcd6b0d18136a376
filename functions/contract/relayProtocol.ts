/**
 * The HTTPS protocol between whoever submits mail (an edge, an application) and the function app, version 1.
 * Frozen: an edge in a factory is upgraded years after the cloud half. Fields may be added, never changed.
 * What was said on the wire is kept in functions/test/contract/frozen and said again to both halves by tests.
 */

/** Content type of a raw message (RFC 5322) in a request body. */
export const MESSAGE_CONTENT_TYPE = 'message/rfc822';
/** Content type of a problem document (RFC 9457). A refusal without it is not the relay's word on the message. */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json';
/** Carries the {@link file://./envelope.ts | envelope}, base64url(JSON). */
export const ENVELOPE_HEADER = 'x-relay-envelope';
/** RFC 9530: `sha-256=:BASE64:` over the request body as sent: with `content-encoding: gzip`, over the gzip. */
export const DIGEST_HEADER = 'content-digest';
/** RFC 9530: `sha-256=:BASE64:` over the whole message, where the request that promises it carries no body. */
export const WHOLE_DIGEST_HEADER = 'repr-digest';
/** Names the parts a message was uploaded in; see {@link MAX_PART_BYTES}. */
export const PARTS_HEADER = 'x-relay-parts';
/** Prefix of every problem type of ours. */
export const PROBLEM_TYPE_BASE = 'https://m365-smtp-relay.dev/problems/';

/** Where a message with this id is put and asked for, below the base URL. */
export function messagePath(id: string): string {
  return `/api/messages/${id}`;
}

/**
 * Upload by parts, for a message that one request cannot carry in time. An HTTP answer must come within 230 s.
 *
 * 1. `PUT /api/messages/{id}/parts/{n}`, n = 1, 2, … {@link MAX_PARTS}; body: the next bytes of the stored message, 1 to
 *    {@link MAX_PART_BYTES} of them; `content-type: application/octet-stream`; `content-digest` as for a message;
 *    `content-encoding: gzip` allowed, for each part by itself. Answer: `200` {@link PartReceipt}. Parts may come in any
 *    order, at once, and again: the same bytes are the same part, other bytes under the same n replace it.
 * 2. `GET /api/messages/{id}/parts` answers `200` {@link PartsAnswer} with what is staged, so that an upload that broke
 *    off can resume; an empty list, never 404, when there is nothing. Parts are kept for at least a day.
 * 3. `PUT /api/messages/{id}` without a body (`content-length: 0`), with the headers of any message
 *    (`content-type: message/rfc822`, `x-relay-envelope`, `traceparent`), with
 *    `x-relay-parts: HEX, HEX, …` (the SHA-256 of each part's bytes, before any gzip, 64 lower-case hex digits, in order
 *    from n = 1) and with `repr-digest: sha-256=:BASE64:` over the whole message. Answers as for a message in one
 *    request; besides, `404` `parts-missing` with `missing: [n, …]` when a part is not staged or has other bytes: no
 *    verdict on the message, stage those and commit again.
 */
export const MAX_PART_BYTES = 8 * 1024 * 1024;
/** Most parts of one message: 150 MB in parts of 8 MiB, and room for smaller ones. */
export const MAX_PARTS = 100;

/** Where part `n` (from 1) of a message is put, below the base URL. */
export function partPath(id: string, n: number): string {
  return `${partsPath(id)}/${n}`;
}

/** Where the staged parts of a message are listed, below the base URL. */
export function partsPath(id: string): string {
  return `${messagePath(id)}/parts`;
}

/** One staged part; `sha256` is of its bytes before any gzip, lower-case hex. */
export interface PartReceipt {
  readonly n: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** The answer to `GET /api/messages/{id}/parts`: in order of `n`, which may have gaps. */
export interface PartsAnswer {
  readonly id: string;
  readonly parts: readonly PartReceipt[];
}

/** Where an edge says that it lives, every 5 minutes; `name` as in {@link isEdgeName}. */
export function edgePath(name: string): string {
  return `/api/edges/${name}`;
}

/** Edge names are path segments: letters, digits, inner dots, hyphens and underscores, at most 63. */
export function isEdgeName(name: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(name);
}

/** Most bytes of a heartbeat. */
export const MAX_HEARTBEAT_BYTES = 256_000;

/**
 * Body of `PUT /api/edges/{name}`, `application/json`, gzip allowed. Fields may be added; what the cloud does not know
 * it ignores. Answer: `200` {@link HeartbeatAnswer}; `409` `edge-name-taken` when another instance under this name was
 * heard within 15 minutes: mail still flows, the administrator has to rename one of the two.
 */
export interface Heartbeat {
  readonly v: 1;
  readonly version: string;
  /** A UUID, the same as long as spool and machine are: tells two edges apart that were given the same name. */
  readonly instance?: string;
  readonly uptimeSeconds: number;
  readonly spool: { readonly count: number; readonly bytes: number; readonly oldestSeconds: number };
  /** The last thing that went wrong, in words; null when nothing did. */
  readonly lastError: string | null;
  readonly listeners: readonly HeartbeatListener[];
  readonly devices: readonly HeartbeatDevice[];
}

/** One listener of an edge. `certificateExpires` is ISO 8601, where it has a certificate. */
export interface HeartbeatListener {
  readonly address: string;
  readonly port: number;
  readonly tls: string;
  readonly certificateExpires?: string;
}

/** What one device did since the edge knows it; `lastSeen` is ISO 8601. */
export interface HeartbeatDevice {
  readonly address: string;
  readonly accepted: number;
  readonly rejected: number;
  readonly bytes: number;
  readonly lastSeen: string;
  readonly tls: string;
  readonly user: string;
}

/** What the cloud tells an edge: its version, the largest message this edge may submit, and the time, ISO 8601. */
export interface HeartbeatAnswer {
  readonly v: 1;
  readonly maxMessageBytes: number;
  readonly now: string;
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
  | 'forbidden'
  | 'not-found'
  | 'parts-missing'
  | 'conflict'
  | 'edge-name-taken'
  | 'message-too-large'
  | 'unsupported-media-type'
  | 'unprocessable-message'
  | 'rate-limited'
  | 'internal-error'
  | 'unavailable';

/** Statuses that, with a problem document of ours, are a verdict on the message: it will never be accepted as it is. */
export const VERDICT_STATUSES: readonly number[] = [400, 409, 413, 415, 422];
