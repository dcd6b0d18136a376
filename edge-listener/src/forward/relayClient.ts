// Hands one message to the function app.
import { randomBytes } from 'node:crypto';
import { encodeEnvelope } from '../../../functions/contract/envelope.ts';
import type { Outcome } from '../../../functions/contract/outcome.ts';
import {
  DIGEST_HEADER,
  ENVELOPE_HEADER,
  MAX_PART_BYTES,
  MESSAGE_CONTENT_TYPE,
  messagePath,
} from '../../../functions/contract/relayProtocol.ts';
import type { StoredMessage } from '../spool/spool.ts';
import type { HttpClient } from './httpExchange.ts';
import { createMemoryBudget } from './memoryBudget.ts';
import { readPutAnswer, readStatusAnswer } from './readVerdict.ts';
import { bufferBody, gather, type UploadBody } from './uploadBody.ts';
import { stageParts } from './uploadParts.ts';

/** No request carries more (the platform takes 100 MB). */
const MAX_REQUEST_BYTES = 90_000_000;
/** An answer has to come within 230 s of the request; an upload that would take longer than this goes by parts. */
const SLOW_UPLOAD_SECONDS = 100;
/** Memory that messages being compressed, and parts, hold together. */
const UPLOAD_MEMORY_BYTES = 4 * MAX_PART_BYTES;

export interface RelayClient {
  /**
   * Tries to hand the message over. `triedBefore`: the cloud may have it already, because an answer was lost, so it is
   * asked first and the upload saved. Never throws: what is not known is a retry.
   */
  submit(id: string, message: StoredMessage, triedBefore: boolean): Promise<Outcome>;
}

export interface RelayClientOptions {
  readonly http: HttpClient;
  /** The `Authorization` header for the next request. */
  readonly authorization: () => Promise<string>;
  readonly now: () => number;
  /** Whether bodies may be compressed: not worth it when the function app is on this machine. */
  readonly compress: boolean;
}

export function createRelayClient({ http, authorization, now, compress }: RelayClientOptions): RelayClient {
  const memory = createMemoryBudget(UPLOAD_MEMORY_BYTES);
  /** Bytes a second of the last uploads that took long enough to tell. */
  let rate = Number.POSITIVE_INFINITY;

  function wantsParts(bytes: number, triedBefore: boolean): boolean {
    if (bytes <= MAX_PART_BYTES) return false;
    return bytes > MAX_REQUEST_BYTES || triedBefore || bytes / rate > SLOW_UPLOAD_SECONDS;
  }

  async function wholeBody(message: StoredMessage, mayCompress: boolean): Promise<UploadBody> {
    if (mayCompress) return bufferBody(await gather(message.body()), true);
    const digest = `sha-256=:${message.sha256}:`;
    return {
      headers: { 'content-length': String(message.bytes), [DIGEST_HEADER]: digest },
      open: () => message.body(),
    };
  }

  /** The memory an upload holds: the bytes and their compressed form, of one part at a time. */
  async function withMemory<T>(
    bytes: number,
    byParts: boolean,
    work: (mayCompress: boolean) => Promise<T>,
  ): Promise<T> {
    const wanted = Math.min(bytes, MAX_PART_BYTES) * 2;
    if (byParts) await memory.wait(wanted);
    else if (!compress || bytes > MAX_PART_BYTES || !memory.take(wanted)) return work(false);
    try {
      return await work(compress);
    } finally {
      memory.giveBack(wanted);
    }
  }

  async function submit(id: string, message: StoredMessage, triedBefore: boolean): Promise<Outcome> {
    const common = { authorization: await authorization(), traceparent: traceparentOf(id) };
    const path = messagePath(id);
    if (triedBefore) {
      const status = readStatusAnswer(await http.exchange({ method: 'GET', path, headers: common }), id, now());
      if (status.kind !== 'unknownThere') return status;
    }
    const about = {
      ...common,
      'content-type': MESSAGE_CONTENT_TYPE,
      [ENVELOPE_HEADER]: encodeEnvelope(message.envelope),
    };
    if (wantsParts(message.bytes, triedBefore)) {
      const staged = await withMemory(message.bytes, true, (mayCompress) =>
        stageParts({ http, id, message, mayCompress, common }),
      );
      if (staged !== 'unsupported') {
        if ('refused' in staged) return asRetry(readPutAnswer(staged.refused, id, now()));
        const answer = await http.exchange({ method: 'PUT', path, headers: { ...about, ...staged.commit } });
        return readPutAnswer(answer, id, now());
      }
      if (message.bytes > MAX_REQUEST_BYTES)
        return {
          kind: 'retry',
          reason: 'The function app knows no upload by parts, which this message needs: update it',
        };
    }
    return withMemory(message.bytes, false, async (mayCompress) => {
      const { headers, open } = await wholeBody(message, mayCompress);
      const started = performance.now();
      const answer = await http.exchange({ method: 'PUT', path, headers: { ...about, ...headers }, body: open() });
      const seconds = (performance.now() - started) / 1000;
      if (seconds > 2) rate = Number(headers['content-length']) / seconds;
      return readPutAnswer(answer, id, now());
    });
  }

  return {
    async submit(id, message, triedBefore) {
      try {
        return await submit(id, message, triedBefore);
      } catch (error) {
        return { kind: 'retry', reason: `No answer from the function app: ${reasonOf(error)}` };
      }
    },
  };
}

/** A refusal of a part is no verdict on the message. */
function asRetry(outcome: Outcome): Outcome {
  if (outcome.kind === 'reject')
    return { kind: 'retry', reason: `A part was refused: ${outcome.code}, ${outcome.reason}` };
  return outcome.kind === 'retry'
    ? outcome
    : { kind: 'retry', reason: 'A part got an answer that is not about a part' };
}

/** W3C trace context. The trace id is the message id, so one search finds a mail's story on both sides. */
export function traceparentOf(id: string): string {
  return `00-${id.replaceAll('-', '')}-${randomBytes(8).toString('hex')}-01`;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const inner = error instanceof AggregateError ? error.errors.map((e) => reasonOf(e)).join('; ') : '';
  return [code, message || inner].filter(Boolean).join(': ');
}
