/** Every operation of the API: what it takes, what it answers, and which problems it may answer with. */
import {
  DIGEST_HEADER,
  ENVELOPE_HEADER,
  MAX_HEARTBEAT_BYTES,
  MAX_PART_BYTES,
  MAX_PARTS,
  PARTS_HEADER,
  type ProblemName,
  WHOLE_DIGEST_HEADER,
} from '../../contract/relayProtocol.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface Operation {
  readonly id: string;
  readonly method: 'get' | 'put' | 'post';
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** Whether strangers get an answer. */
  readonly open?: true;
  readonly parameters?: readonly Parameter[];
  /** Content types of the body and the schema of each; `binary` is bytes. */
  readonly body?: Readonly<Record<string, string>>;
  /** Whether the request may have no body. */
  readonly mayBeEmpty?: true;
  /** Answers that are no problems: status, description, schema. */
  readonly answers: Readonly<Record<string, readonly [description: string, schema: string]>>;
  readonly problems: readonly ProblemName[];
}

const ALWAYS: readonly ProblemName[] = ['unauthorized', 'forbidden', 'unavailable'];
const UPLOAD: readonly ProblemName[] = ['bad-request', 'message-too-large', 'unsupported-media-type', 'rate-limited'];

const HEX = '[0-9a-fA-F]';
const IDEMPOTENCY_KEY = `^"?${HEX}{8}-${HEX}{4}-[1-9a-fA-F]${HEX}{3}-${HEX}{4}-${HEX}{12}"?$`;

const id: Parameter = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'A lower-case UUID, minted once for the mail. Ids are each caller’s own.',
  schema: { $ref: '#/components/schemas/Id' },
};

function header(name: string, description: string, required = false, pattern?: string): Parameter {
  return { name, in: 'header', required, description, schema: { type: 'string', ...(pattern && { pattern }) } };
}

const digest = header(DIGEST_HEADER, '`sha-256=:BASE64:` over the body as sent (RFC 9530). Verified when present.');
const trace = header('traceparent', 'W3C Trace Context: the mail is told about under this trace.');
const coding = header('content-encoding', '`gzip` or nothing.');
const envelopeText =
  'base64url of `{"v":1,"from":"","to":["a@b"],"receivedAt":"ISO 8601","edge":"","client":{…}}`, at most 8000 characters: exactly who gets the mail.';

export const OPERATIONS: readonly Operation[] = [
  {
    id: 'submitMessage',
    method: 'post',
    path: '/api/messages',
    summary: 'Submit a mail',
    description:
      'As JSON, or as a message of your own making (`message/rfc822`), whose recipients are those of To, Cc and Bcc or of an envelope. After 202 the relay is responsible. Send the same Idempotency-Key when you try again: the mail goes out once.',
    parameters: [
      header('idempotency-key', 'A UUID, quoted or not; it becomes the id of the mail.', false, IDEMPOTENCY_KEY),
      header(ENVELOPE_HEADER, `Only with message/rfc822. ${envelopeText}`),
      digest,
      coding,
      trace,
    ],
    body: { 'application/json': 'Mail', 'message/rfc822': 'binary' },
    answers: { '202': ['Accepted. `Location` says where to ask for the state.', 'Accepted'] },
    problems: [...UPLOAD, ...ALWAYS, 'sender-refused', 'conflict', 'unprocessable-message', 'recipient-refused'],
  },
  {
    id: 'acceptMessage',
    method: 'put',
    path: '/api/messages/{id}',
    summary: 'Hand over a received message',
    description:
      'What an edge does. Without a body and with x-relay-parts it commits the parts that were staged before.',
    parameters: [
      id,
      header(ENVELOPE_HEADER, envelopeText, true),
      digest,
      coding,
      header(PARTS_HEADER, 'SHA-256 of each part, lower-case hex, in order, separated by commas.'),
      header(WHOLE_DIGEST_HEADER, 'With x-relay-parts: `sha-256=:BASE64:` over the whole message.'),
      trace,
    ],
    body: { 'message/rfc822': 'binary' },
    mayBeEmpty: true,
    answers: { '202': ['Accepted, now or before.', 'Accepted'] },
    problems: [
      ...UPLOAD,
      ...ALWAYS,
      'sender-refused',
      'parts-missing',
      'conflict',
      'unprocessable-message',
      'recipient-refused',
    ],
  },
  {
    id: 'reportMessage',
    method: 'get',
    path: '/api/messages/{id}',
    summary: 'Ask what became of a mail',
    description: 'Kept for 35 days.',
    parameters: [id],
    answers: { '200': ['The state of the mail.', 'MessageStatus'] },
    problems: ['bad-request', 'not-found', ...ALWAYS],
  },
  {
    id: 'retryMessage',
    method: 'post',
    path: '/api/messages/{id}/retry',
    summary: 'Send a failed or held mail again',
    description: 'Counts as a message for the rate limit.',
    parameters: [
      id,
      {
        name: 'mayDuplicate',
        in: 'query',
        required: false,
        description: 'Needed for held mail, which may have been sent already.',
        schema: { type: 'boolean', default: false },
      },
    ],
    answers: { '202': ['It is on its way again.', 'Accepted'] },
    problems: ['bad-request', 'not-found', 'conflict', 'rate-limited', ...ALWAYS],
  },
  {
    id: 'stagePart',
    method: 'put',
    path: '/api/messages/{id}/parts/{n}',
    summary: 'Stage one part of a large message',
    description: `At most ${MAX_PART_BYTES} bytes. Nothing is promised before the commit. Counts as a message for the rate limit.`,
    parameters: [
      id,
      {
        name: 'n',
        in: 'path',
        required: true,
        description: 'The number of the part, from 1.',
        schema: { type: 'integer', minimum: 1, maximum: MAX_PARTS },
      },
      digest,
      coding,
    ],
    body: { 'application/octet-stream': 'binary' },
    answers: { '200': ['The part is staged.', 'PartReceipt'] },
    problems: [...UPLOAD, ...ALWAYS],
  },
  {
    id: 'listParts',
    method: 'get',
    path: '/api/messages/{id}/parts',
    summary: 'List the staged parts of a message',
    parameters: [id],
    answers: { '200': ['What is staged; perhaps nothing.', 'Parts'] },
    problems: ['bad-request', ...ALWAYS],
  },
  {
    id: 'receiveHeartbeat',
    method: 'put',
    path: '/api/edges/{name}',
    summary: 'Report as an edge',
    description: `Every 5 minutes, at most ${MAX_HEARTBEAT_BYTES} bytes. More than 10 a minute are refused.`,
    parameters: [
      {
        name: 'name',
        in: 'path',
        required: true,
        description: 'The configured name of the edge.',
        schema: { type: 'string', pattern: '^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$' },
      },
      coding,
    ],
    body: { 'application/json': 'Heartbeat' },
    answers: { '200': ['Heard.', 'HeartbeatAnswer'] },
    problems: [
      'bad-request',
      'edge-name-taken',
      'message-too-large',
      'unsupported-media-type',
      'rate-limited',
      ...ALWAYS,
    ],
  },
  {
    id: 'reportHealth',
    method: 'get',
    path: '/api/health',
    summary: 'Ask how the relay is',
    description: 'Callers get all of it, strangers the status alone. At most half a minute old.',
    open: true,
    answers: {
      '200': ['Mail is accepted.', 'Health'],
      '503': ['Mail cannot be accepted: status `down`.', 'HealthStatus'],
    },
    problems: [],
  },
  {
    id: 'describeApi',
    method: 'get',
    path: '/api/openapi.json',
    summary: 'This description',
    open: true,
    answers: { '200': ['OpenAPI 3.1.', 'Description'] },
    problems: [],
  },
];
