import type { HttpRequest } from '@azure/functions';
import { type Caller, findCallerByKey } from '../wiring/callers.ts';
import { Refusal } from './problems.ts';

/** Keys are short; anything longer is not worth hashing. */
const MAX_CREDENTIAL_LENGTH = 8192;

/** The caller that the request's `Authorization: Bearer` credential belongs to; refuses with 401 otherwise. */
export function authenticate(request: HttpRequest, callers: readonly Caller[]): Caller {
  const header = request.headers.get('authorization');
  if (!header) throw new Refusal('unauthorized', 'Send the caller key as "Authorization: Bearer KEY".');
  const credential = /^Bearer +(\S+)$/i.exec(header)?.[1];
  if (!credential || credential.length > MAX_CREDENTIAL_LENGTH)
    throw new Refusal('unauthorized', 'The Authorization header is not of the form "Bearer KEY".');
  const caller = findCallerByKey(callers, credential);
  if (!caller)
    throw new Refusal('unauthorized', 'No caller has this key. It may have been mistyped, rotated or revoked.');
  return caller;
}
