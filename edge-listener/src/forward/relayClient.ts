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
import { NoTokenError } from './authorization.ts';
import type { HttpAnswer, HttpClient } from './httpExchange.ts';
import { createMemoryBudget } from './memoryBudget.ts';
import { readPutAnswer, readStatusAnswer } from './readVerdict.ts';
import { bufferBody, gather, type UploadBody } from './uploadBody.ts';
import { stageParts } from './uploadParts.ts';
import { createUploadRate } from './uploadRate.ts';

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
  const rate = createUploadRate();
  /** False once the function app said that it takes no compressed bodies: an old one does. */
  let compressing = compress;

  function wantsParts(bytes: number, triedBefore: boolean): boolean {
    if (bytes > MAX_REQUEST_BYTES || bytes / rate.bytesPerSecond > SLOW_UPLOAD_SECONDS) return true;
    return triedBefore && bytes > MAX_PART_BYTES;
  }

  async function send(path: string, { headers, open }: UploadBody, more: Record<string, string>): Promise<HttpAnswer> {
    const { sent, end } = rate.watch();
    try {
      return await http.exchange({ method: 'PUT', path, headers: { ...more, ...headers }, body: open(), onSent: sent });
    } finally {
      end();
    }
  }

  /** Sends bytes in memory, compressed where that pays and is taken. */
  async function sendBytes(path: string, bytes: Buffer, more: Record<string, string>): Promise<HttpAnswer> {
    const body = await bufferBody(bytes, compressing);
    const answer = await send(path, body, more);
    if (answer.status !== 415 || !body.headers['content-encoding']) return answer;
    compressing = false;
    return send(path, await bufferBody(bytes, false), more);
  }

  function sendStream(path: string, message: StoredMessage, more: Record<string, string>): Promise<HttpAnswer> {
    const digest = `sha-256=:${message.sha256}:`;
    const headers = { 'content-length': String(message.bytes), [DIGEST_HEADER]: digest };
    return send(path, { headers, open: () => message.body() }, more);
  }

  /** The memory an upload holds: the bytes and their compressed form, of one part at a time. */
  async function withMemory<T>(bytes: number, byParts: boolean, work: (inMemory: boolean) => Promise<T>): Promise<T> {
    const wanted = Math.min(bytes, MAX_PART_BYTES) * 2;
    if (byParts) await memory.wait(wanted);
    else if (!compressing || bytes > MAX_PART_BYTES || !memory.take(wanted)) return work(false);
    try {
      return await work(true);
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
      const partHeaders = { ...common, 'content-type': 'application/octet-stream' };
      const sendPart = (partPath: string, part: Buffer) => sendBytes(partPath, part, partHeaders);
      const staged = await withMemory(message.bytes, true, () =>
        stageParts({ http, id, message, send: sendPart, rate, common }),
      );
      if (staged !== 'unsupported') {
        if ('refused' in staged) return aboutPart(readPutAnswer(staged.refused, id, now()));
        const answer = await http.exchange({ method: 'PUT', path, headers: { ...about, ...staged.commit } });
        return readPutAnswer(answer, id, now());
      }
      if (message.bytes > MAX_REQUEST_BYTES)
        return {
          kind: 'retry',
          reason: 'The function app knows no upload by parts, which this message needs: update it',
        };
    }
    const answer = await withMemory(message.bytes, false, async (inMemory) =>
      inMemory ? sendBytes(path, await gather(message.body()), about) : sendStream(path, message, about),
    );
    return readPutAnswer(answer, id, now());
  }

  return {
    async submit(id, message, triedBefore) {
      try {
        return await submit(id, message, triedBefore);
      } catch (error) {
        const reason =
          error instanceof NoTokenError ? error.message : `No answer from the function app: ${reasonOf(error)}`;
        return { kind: 'retry', reason };
      }
    },
  };
}

/** A refusal of a part is no verdict on the message, but that the message of which it is one is too large. */
function aboutPart(outcome: Outcome): Outcome {
  if (outcome.kind === 'reject' && outcome.code === '413 message-too-large') return outcome;
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
