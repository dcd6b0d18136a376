// One call to Graph as its handler sees it.

import type { Answer } from '../answer.ts';
import type { RequestBody } from '../requestBody.ts';
import { GraphError, type RequestIds } from './graphError.ts';
import type { Mailbox } from './mailboxes.ts';

/** The largest request Graph takes. Microsoft says 4 MB; measured was 4 MiB (see the notes in graphSandbox.ts). */
export const MOST_REQUEST_BYTES = 4 * 1024 * 1024;

export interface GraphCall {
  readonly ids: RequestIds;
  /** Scheme, host and port the caller used: what upload URLs begin with. */
  readonly origin: string;
  /** The path of the URL as it was called. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: RequestBody;
  /** The variable segments of the path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The mailbox of `/users/{user}`. */
  readonly mailbox: Mailbox;
}

/** Does what a call asks for and says what to answer; throws GraphError to refuse. */
export type GraphHandler = (call: GraphCall) => Promise<Answer>;

/** True when the caller asked for ids that survive a move between folders. */
export function wantsImmutableIds(call: GraphCall): boolean {
  return /IdType\s*=\s*"?ImmutableId/i.test(call.headers.prefer ?? '');
}

/** The media type of the request, lower case, without parameters. */
export function mediaType(call: GraphCall): string {
  return (call.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

/** The body as a JSON object. */
export function jsonBody(call: GraphCall): Record<string, unknown> {
  if (mediaType(call) !== 'application/json')
    throw new GraphError('UnsupportedMediaType', `Content-Type must be application/json, not '${mediaType(call)}'.`);
  if (call.body.tooLarge) throw new GraphError('BadRequest', 'The maximum request length supported is 4MB.');
  let value: unknown;
  try {
    value = JSON.parse(call.body.bytes.toString('utf8'));
  } catch {
    throw new GraphError(
      'BadRequest',
      'Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.',
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GraphError('RequestBodyRead', 'The request body must be a JSON object.');
  return value as Record<string, unknown>;
}
