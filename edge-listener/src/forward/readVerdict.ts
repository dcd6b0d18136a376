// What an answer of the function app means for the mail.
import type { Outcome } from '../../../functions/contract/outcome.ts';
import {
  PROBLEM_CONTENT_TYPE,
  PROBLEM_TYPE_BASE,
  VERDICT_STATUSES,
} from '../../../functions/contract/relayProtocol.ts';
import { parseRetryAfterMs } from '../../../functions/contract/retrySchedule.ts';
import type { HttpAnswer } from './httpExchange.ts';

/** A problem document of the relay: the last part of its type, and its sentence. */
export interface RelayProblem {
  readonly name: string;
  readonly detail: string;
}

/** A proxy's or the platform's refusal of a sender is not the relay's: only these names are verdicts at 403. */
const VERDICTS_AT_403 = ['sender-refused', 'recipient-refused'];

/** What the answer to `PUT /api/messages/{id}` came to. Everything that is not the relay's own word is a retry. */
export function readPutAnswer(answer: HttpAnswer, id: string, now: number): Outcome {
  if (answer.status === 202 && saysItHas(answer, id)) return { kind: 'accepted' };
  const problem = readProblem(answer);
  const verdict =
    problem &&
    (VERDICT_STATUSES.includes(answer.status) || (answer.status === 403 && VERDICTS_AT_403.includes(problem.name)));
  if (verdict) return { kind: 'reject', code: `${answer.status} ${problem.name}`, reason: problem.detail };
  return retry(answer, problem, now);
}

/** A message refused as a bad request is refused again before that is taken for final. */
const BAD_REQUESTS = 3;

/**
 * True while a refusal may be about the transfer instead of the message: a proxy that cuts a body short or changes it
 * makes the relay call it a bad request. `attempt` counts from 1.
 */
export function mayBeTransfer(outcome: Outcome, attempt: number): boolean {
  return outcome.kind === 'reject' && outcome.code === '400 bad-request' && attempt < BAD_REQUESTS;
}

/** What the answer to `GET /api/messages/{id}` says: the cloud has the message, it has not, or nobody knows. */
export function readStatusAnswer(answer: HttpAnswer, id: string, now: number): Outcome | { kind: 'unknownThere' } {
  if (answer.status === 200 && saysItHas(answer, id)) return { kind: 'accepted' };
  const problem = readProblem(answer);
  if (answer.status === 404 && problem) return { kind: 'unknownThere' };
  return retry(answer, problem, now);
}

function retry(answer: HttpAnswer, problem: RelayProblem | undefined, now: number): Outcome {
  const afterMs = parseRetryAfterMs(answer.headers['retry-after'], now);
  const said = problem ? `${problem.name}: ${problem.detail}` : 'not an answer of the relay';
  return {
    kind: 'retry',
    reason: `HTTP ${answer.status}, ${said}${hint(answer.status, problem)}`,
    ...(afterMs === undefined ? {} : { afterMs }),
  };
}

function hint(status: number, problem: RelayProblem | undefined): string {
  if (status === 401) return '. Check the key of this edge, or what `relay.entra` names';
  if (status === 403 && !problem) return '. Something in front of the function app refuses this edge';
  if (status === 404 && !problem) return '. Check relay.url: no relay answers there';
  if (status >= 300 && status < 400) return '. Check relay.url: it redirects';
  return '';
}

/**
 * True for our JSON about this very message: a login page of a hotel also answers 200. A newer cloud may have states
 * that this edge does not know; it has the message all the same.
 */
function saysItHas(answer: HttpAnswer, id: string): boolean {
  const body = readJson(answer.body);
  return body?.id === id && typeof body.state === 'string' && body.state !== '';
}

/** The relay's own problem document in an answer; undefined when it has none. */
export function readProblem(answer: HttpAnswer): RelayProblem | undefined {
  const type = answer.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const body = type === PROBLEM_CONTENT_TYPE ? readJson(answer.body) : undefined;
  if (typeof body?.type !== 'string' || !body.type.startsWith(PROBLEM_TYPE_BASE)) return undefined;
  const detail = typeof body.detail === 'string' ? body.detail : String(body.title ?? '');
  return { name: body.type.slice(PROBLEM_TYPE_BASE.length), detail: detail.slice(0, 1000) };
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // not ours, which is all the caller wants to know
  }
}
