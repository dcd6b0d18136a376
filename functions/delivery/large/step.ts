import type { EventAttributes } from '../../wiring/relayEvents.ts';
import { type GraphAnswer, type GraphOutcome, outcomeOfCall, outcomeOfNoAnswer } from '../graphOutcome.ts';

/** What a step of the way came to: its result, or the outcome it means for the whole attempt. */
export type Step<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly outcome: Failure;
      /** HTTP status; 0 when there was no answer. */
      readonly status: number;
      readonly trace: EventAttributes;
    };

export type Failure = Exclude<GraphOutcome, { kind: 'accepted' }>;
export type FailedStep = Extract<Step<never>, { ok: false }>;

/** An answer that is not what the step needed, before anything was sent. */
export function refusedStep(answer: GraphAnswer, trace: EventAttributes = {}): FailedStep {
  return { ok: false, outcome: unsent(outcomeOfCall(answer)), status: answer.status, trace };
}

/** No answer, before anything was sent. */
export function unansweredStep(error: unknown): FailedStep {
  return { ok: false, outcome: unsent(outcomeOfNoAnswer(error)), status: 0, trace: {} };
}

/** A failure that no answer of Graph describes. */
export function failedStep(reason: string, kind: 'refused' | 'operator' = 'refused'): FailedStep {
  return { ok: false, outcome: { kind: 'retry', class: kind, reason }, status: 0, trace: {} };
}

/** Nothing is sent before `send` is called, so there is nothing ambiguous about what fails before it. */
export function unsent(outcome: GraphOutcome): Failure {
  if (outcome.kind === 'accepted')
    return { kind: 'retry', class: 'refused', reason: 'Graph gave an unexpected answer.' };
  const reason = withoutUrls(outcome.reason);
  if (outcome.kind === 'retry' && outcome.class === 'ambiguous') return { ...outcome, class: 'refused', reason };
  return { ...outcome, reason };
}

/** Upload URLs are secrets, and an error may quote one. */
function withoutUrls(text: string): string {
  return text.replace(/https?:\/\/\S+/gi, '(URL)');
}
