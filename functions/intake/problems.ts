/** Refusals as RFC 9457 problem documents. The edge takes a refusal for a verdict only when it comes in this form. */
import type { HttpResponseInit } from '@azure/functions';
import {
  PROBLEM_CONTENT_TYPE,
  PROBLEM_TYPE_BASE,
  type ProblemName,
  VERDICT_STATUSES,
} from '../contract/relayProtocol.ts';

/** Status and title of every problem. */
export const PROBLEMS: Record<ProblemName, { status: number; title: string }> = {
  'bad-request': { status: 400, title: 'The request is not well formed' },
  unauthorized: { status: 401, title: 'The credential is missing or not valid' },
  'sender-refused': { status: 403, title: 'This caller may not send as that sender' },
  forbidden: { status: 403, title: 'The credential is valid, and gives no right to this' },
  'not-found': { status: 404, title: 'There is no such message' },
  'parts-missing': { status: 404, title: 'Not every part of the message is there' },
  conflict: { status: 409, title: 'The request contradicts what is stored' },
  'edge-name-taken': { status: 409, title: 'Another edge uses this name' },
  'message-too-large': { status: 413, title: 'The message is too large' },
  'unsupported-media-type': { status: 415, title: 'The content type is not supported' },
  'unprocessable-message': { status: 422, title: 'The message cannot be sent as it is' },
  'recipient-refused': { status: 422, title: 'This caller may not send to that recipient' },
  'rate-limited': { status: 429, title: 'Too many messages at once' },
  'internal-error': { status: 500, title: 'The relay failed' },
  unavailable: { status: 503, title: 'The relay cannot take the message now' },
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
