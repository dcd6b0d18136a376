/**
 * Writes one attachment through an upload session: sequential ranges, each whole in memory until Graph has it, so that a
 * range can be repeated where the session says it goes on.
 * https://learn.microsoft.com/graph/outlook-large-attachments
 */
import type { OutgoingHttpHeaders } from 'node:http';
import { parseRetryAfterMs } from '../../contract/retrySchedule.ts';
import type { GraphAnswer } from '../graphOutcome.ts';
import type { CallGate } from './callGate.ts';
import { failedStep, refusedStep, type Step, unansweredStep } from './step.ts';
import { uploadRequest } from './uploadRequest.ts';

/** Bytes per range: below 4 MB, a multiple of 320 KiB. */
export const RANGE_BYTES = 10 * 320 * 1024;
/** Pauses before a range is repeated that Graph did not answer, or answered with a failure of its own. */
const PAUSES_MS = [500, 1000, 2000, 4000];

export interface UploadSessionOptions {
  /** Checked. It is a secret: it is never logged, and no token goes with it. */
  readonly url: URL;
  /** Bytes of the whole attachment. */
  readonly total: number;
  readonly gate: CallGate;
  readonly timeoutMs: number;
  /** Told of bytes that have arrived. */
  onArrived(bytes: number): void;
}

export interface UploadSession {
  /** Takes the next bytes, and uploads a range when it is full. */
  write(bytes: Uint8Array): Promise<Step<void>>;
  /** Uploads what is left; ok when Graph has the whole attachment. */
  end(): Promise<Step<void>>;
}

interface RangeAnswer extends GraphAnswer {
  /** Where the session goes on; undefined when the answer does not say. */
  readonly next: number | undefined;
}

/** @param range a buffer of {@link RANGE_BYTES} to work in; it may be used again after `end` */
export function openUploadSession(options: UploadSessionOptions, range: Buffer): UploadSession {
  const { url, total, gate, timeoutMs, onArrived } = options;
  const done: Step<void> = { ok: true, value: undefined };
  /** Where the range in memory begins, and how much of it is filled. */
  let start = 0;
  let filled = 0;

  async function request(method: 'PUT' | 'GET', headers: OutgoingHttpHeaders, body?: Uint8Array): Promise<RangeAnswer> {
    return gate.call(async () => {
      const { status, retryAfter, json } = await uploadRequest(url, { method, headers, body, timeoutMs });
      const { error } = (json ?? {}) as { error?: { code?: unknown; message?: unknown } };
      return {
        status,
        code: typeof error?.code === 'string' ? error.code.slice(0, 80) : '',
        message: typeof error?.message === 'string' ? error.message.slice(0, 500) : '',
        retryAfterMs: parseRetryAfterMs(retryAfter, Date.now()),
        next: nextExpected(json),
      };
    });
  }

  const put = (from: number, end: number) =>
    request(
      'PUT',
      {
        'content-type': 'application/octet-stream',
        'content-length': end - from,
        'content-range': `bytes ${from}-${end - 1}/${total}`,
      },
      range.subarray(from - start, end - start),
    );

  /** Uploads the range in memory, from wherever the session goes on. */
  async function upload(): Promise<Step<void>> {
    const end = start + filled;
    let from = start;
    for (let repeats = 0; ; ) {
      const answer = await put(from, end).catch(unansweredStep);
      const next = 'ok' in answer ? undefined : goesOnAt(answer, end);
      if (next === end) return arrived(end);
      if (next !== undefined && next > from && next < end) {
        from = next;
        continue;
      }
      const failure = 'ok' in answer ? answer : refusedStep(answer);
      const pauseMs = PAUSES_MS[repeats++];
      if (pauseMs === undefined || (next === undefined && !worthRepeating(failure.status))) return failure;
      await gate.pause(pauseMs);
      from = (await whereItGoesOn()) ?? from;
      if (from === end && end < total) return arrived(end);
      if (from < start || from >= end)
        return failedStep('The upload session goes on where the bytes are no longer at hand.');
    }
  }

  function arrived(end: number): Step<void> {
    onArrived(filled);
    start = end;
    filled = 0;
    return done;
  }

  /** Where the session goes on after this answer to a range that ended at `end`; undefined when it was no success. */
  function goesOnAt({ status, next }: RangeAnswer, end: number): number | undefined {
    if (end === total) return status === 201 ? end : status === 200 ? next : undefined;
    return status === 200 || status === 202 ? (next ?? end) : undefined;
  }

  async function whereItGoesOn(): Promise<number | undefined> {
    const answer = await request('GET', {}).catch(unansweredStep);
    return 'ok' in answer || answer.status !== 200 ? undefined : answer.next;
  }

  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + RANGE_BYTES - filled);
        range.set(piece, filled);
        filled += piece.length;
        at += piece.length;
        if (start + filled > total) return failedStep('The attachment is longer than it was when it was measured.');
        if (filled === RANGE_BYTES) {
          const uploaded = await upload();
          if (!uploaded.ok) return uploaded;
        }
      }
      return done;
    },
    async end() {
      if (start + filled !== total) return failedStep('The attachment is shorter than it was when it was measured.');
      return filled > 0 ? upload() : done;
    },
  };
}

/** No answer, a failure of the service, or a range that the session already has or does not expect. */
function worthRepeating(status: number): boolean {
  return status === 0 || status >= 500 || status === 409 || status === 416;
}

/** The start of the first range in `nextExpectedRanges`, whose case varies. */
function nextExpected(json: unknown): number | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const ranges = Object.entries(json).find(([name]) => name.toLowerCase() === 'nextexpectedranges')?.[1] as unknown;
  const first = Array.isArray(ranges) ? (ranges[0] as unknown) : undefined;
  const start = typeof first === 'string' ? /^(\d{1,15})/.exec(first)?.[1] : undefined;
  return start === undefined ? undefined : Number(start);
}
