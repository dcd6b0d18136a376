// Hands one message to the function app.
import { randomBytes } from 'node:crypto';
import { encodeEnvelope } from '../../../functions/contract/envelope.ts';
import type { Outcome } from '../../../functions/contract/outcome.ts';
import {
  DIGEST_HEADER,
  ENVELOPE_HEADER,
  MESSAGE_CONTENT_TYPE,
  messagePath,
} from '../../../functions/contract/relayProtocol.ts';
import type { StoredMessage } from '../spool/spool.ts';
import type { HttpClient } from './httpExchange.ts';
import { readPutAnswer, readStatusAnswer } from './readVerdict.ts';

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
}

export function createRelayClient({ http, authorization, now }: RelayClientOptions): RelayClient {
  async function submit(id: string, message: StoredMessage, triedBefore: boolean): Promise<Outcome> {
    const common = { authorization: await authorization(), traceparent: traceparentOf(id) };
    const path = messagePath(id);
    if (triedBefore) {
      const status = readStatusAnswer(await http.exchange({ method: 'GET', path, headers: common }), id, now());
      if (status.kind !== 'unknownThere') return status;
    }
    const headers = {
      ...common,
      'content-type': MESSAGE_CONTENT_TYPE,
      'content-length': String(message.bytes),
      [DIGEST_HEADER]: `sha-256=:${message.sha256}:`,
      [ENVELOPE_HEADER]: encodeEnvelope(message.envelope),
    };
    const answer = await http.exchange({ method: 'PUT', path, headers, body: message.body() });
    return readPutAnswer(answer, id, now());
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

/** W3C trace context. The trace id is the message id, so one search finds a mail's story on both sides. */
export function traceparentOf(id: string): string {
  return `00-${id.replaceAll('-', '')}-${randomBytes(8).toString('hex')}-01`;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const inner = error instanceof AggregateError ? error.errors.map((e) => reasonOf(e)).join('; ') : '';
  return [code, message || inner].filter(Boolean).join(': ');
}
