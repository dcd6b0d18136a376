/** Refusals as RFC 9457 problem documents. The edge takes a refusal for a verdict only when it comes in this form. */
import type { HttpResponseInit } from '@azure/functions';
import {
  PROBLEM_CONTENT_TYPE,
  PROBLEM_TYPE_BASE,
  type ProblemName,
  VERDICT_STATUSES,
} from '../contract/relayProtocol.ts';

/** Status and title of every problem, and what whoever gets it can do. */
export const PROBLEMS: Record<ProblemName, { status: number; title: string; remedy: string }> = {
  'bad-request': {
    status: 400,
    title: 'The request is not well formed',
    remedy:
      'Mend the request as `detail` says. Where a body ended early or its digest did not fit, the line is broken: send it again.',
  },
  unauthorized: {
    status: 401,
    title: 'The credential is missing or not valid',
    remedy: 'Check the key, or get a new token. `npm run callers -- list` shows which keys count.',
  },
  'sender-refused': {
    status: 403,
    title: 'This caller may not send as that sender',
    remedy: 'Send as an address that the caller may use, or let an administrator give it that address in `CALLERS`.',
  },
  forbidden: {
    status: 403,
    title: 'The credential is valid, and gives no right to this',
    remedy:
      'Give the application the app role `Mail.Submit` and a caller in `CALLERS`; use a token of the application itself.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such message',
    remedy: 'Check the id and the credential: ids are each caller’s own, and are kept for 35 days.',
  },
  'parts-missing': {
    status: 404,
    title: 'Not every part of the message is there',
    remedy: 'Stage the parts that `missing` lists and commit again.',
  },
  conflict: {
    status: 409,
    title: 'The request contradicts what is stored',
    remedy: 'For another mail mint a new id; for a retry look at the state of the mail first.',
  },
  'edge-name-taken': {
    status: 409,
    title: 'Another edge uses this name',
    remedy: 'Give each edge a name of its own. Mail is not affected.',
  },
  'message-too-large': {
    status: 413,
    title: 'The message is too large',
    remedy: 'Send less, or let an administrator raise the limit that `detail` names.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The content type is not supported',
    remedy: 'Use a content type and a content coding that the operation takes.',
  },
  'unprocessable-message': {
    status: 422,
    title: 'The message cannot be sent as it is',
    remedy: 'Mend what `errors`, `addresses` or `detail` names; the same bytes will be refused again.',
  },
  'recipient-refused': {
    status: 422,
    title: 'This caller may not send to that recipient',
    remedy: 'Send to others, or let an administrator give the caller those recipients in `CALLERS`.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many messages at once',
    remedy: 'Wait as long as `Retry-After` says and send the same again.',
  },
  'internal-error': {
    status: 500,
    title: 'The relay failed',
    remedy: 'Not used by this version; treat it as `unavailable`.',
  },
  unavailable: {
    status: 503,
    title: 'The relay cannot take the message now',
    remedy: 'Keep the mail, wait as long as `Retry-After` says and send it again under the same id.',
  },
};

/** A refusal on its way to the caller: what was wrong, where, and what to do. */
export class Refusal extends Error {
  readonly problem: ProblemName;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(problem: ProblemName, detail: string, extensions: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.name = 'Refusal';
    this.problem = problem;
    this.extensions = extensions;
  }
}

/** Whether the message will never be accepted as it is; else the same request may succeed later. */
export function isVerdict({ problem }: Refusal): boolean {
  return problem === 'sender-refused' || VERDICT_STATUSES.includes(PROBLEMS[problem].status);
}

/** The HTTP answer of a refusal. */
export function problemResponse({ problem, message, extensions }: Refusal): HttpResponseInit {
  const { status, title } = PROBLEMS[problem];
  return {
    status,
    headers: {
      'content-type': PROBLEM_CONTENT_TYPE,
      ...(problem === 'unauthorized' && { 'www-authenticate': 'Bearer' }),
      ...(problem === 'unavailable' && { 'retry-after': '30' }),
      ...(problem === 'rate-limited' && { 'retry-after': String(extensions.retryAfterSeconds) }),
      // RFC 9110 section 15.5.16: what would have been understood.
      ...(problem === 'unsupported-media-type' && { 'accept-encoding': 'gzip, identity' }),
    },
    body: JSON.stringify({ type: PROBLEM_TYPE_BASE + problem, title, status, detail: message, ...extensions }),
  };
}
