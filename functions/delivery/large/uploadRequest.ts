import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Longest answer that is read. */
const MAX_ANSWER_BYTES = 64 * 1024;

export interface UploadAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Undefined when the body is no JSON: the last answer has none, and gateways answer in HTML. */
  readonly json: unknown;
}

/**
 * One request to an upload URL. Not by `fetch`, which makes a copy of every body: of a large mail that is all of it. No
 * redirect is followed, and no error names the URL. Rejects when there was no answer within `timeoutMs`.
 */
export async function uploadRequest(
  url: URL,
  options: {
    readonly method: 'PUT' | 'GET';
    readonly headers: OutgoingHttpHeaders;
    readonly body: Uint8Array | undefined;
    readonly timeoutMs: number;
  },
): Promise<UploadAnswer> {
  const { method, headers, body, timeoutMs } = options;
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(url, { method, headers, signal }, resolve);
    request.on('error', reject);
    request.end(body);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > MAX_ANSWER_BYTES) break;
  }
  return {
    status: response.statusCode ?? 0,
    retryAfter: response.headers['retry-after'],
    json: size > MAX_ANSWER_BYTES ? undefined : parseJson(Buffer.concat(chunks).toString()),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON: its status says enough.
    return undefined;
  }
}
