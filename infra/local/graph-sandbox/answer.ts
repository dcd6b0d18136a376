// What a call is answered with: a value, so that a fault can replace it after the call took effect.

import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** One HTTP answer. `json` is serialised; `bytes` and `stream` go out as they are, with `type`. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
  readonly stream?: Readable;
  /** Content type of `bytes` and `stream`; JSON has its own. */
  readonly type?: string;
}

/** Writes `answer`. A caller that hung up in the middle is no error of ours. */
export async function sendAnswer(response: ServerResponse, answer: Answer): Promise<void> {
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.statusCode = answer.status;
  if (answer.stream) {
    if (answer.type) response.setHeader('content-type', answer.type);
    try {
      await pipeline(answer.stream, response);
    } catch {
      // The status line is out: cutting the connection is the only way left to say that the body is not whole.
      response.destroy();
    }
    return;
  }
  const body = answer.json === undefined ? answer.bytes : Buffer.from(JSON.stringify(answer.json));
  const type = answer.json === undefined ? answer.type : 'application/json; charset=utf-8';
  if (type && body) response.setHeader('content-type', type);
  if (answer.status !== 204 && answer.status !== 304) response.setHeader('content-length', body?.length ?? 0);
  response.end(body);
}
