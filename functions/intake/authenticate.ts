import type { HttpRequest } from '@azure/functions';
import { type Caller, findCallerByApplication, findCallerByKey } from '../wiring/callers.ts';
import type { EntraTokens } from '../wiring/entraTokens.ts';
import { Refusal } from './problems.ts';

/** Tokens are long, keys short; anything longer is not worth hashing. */
const MAX_CREDENTIAL_LENGTH = 8192;
/** A JSON Web Token in compact form (RFC 7515): keys have no dots. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export interface AuthenticationOptions {
  readonly callers: readonly Caller[];
  /** Undefined where no tenant is configured: then only keys count. */
  readonly entra: EntraTokens | undefined;
}

/** The caller that the request's `Authorization: Bearer` credential belongs to, a key or an Entra access token. */
export async function authenticate({ callers, entra }: AuthenticationOptions, request: HttpRequest): Promise<Caller> {
  const header = request.headers.get('authorization');
  if (!header) throw new Refusal('unauthorized', 'Send a caller key or an access token as "Authorization: Bearer …".');
  const credential = /^Bearer +(\S+)$/i.exec(header)?.[1];
  if (!credential || credential.length > MAX_CREDENTIAL_LENGTH)
    throw new Refusal('unauthorized', 'The Authorization header is not of the form "Bearer CREDENTIAL".');
  if (entra && TOKEN.test(credential)) return callerOfToken(callers, entra, credential);
  const caller = findCallerByKey(callers, credential);
  if (!caller)
    throw new Refusal('unauthorized', 'No caller has this key. It may have been mistyped, rotated or revoked.');
  return caller;
}

async function callerOfToken(callers: readonly Caller[], entra: EntraTokens, token: string): Promise<Caller> {
  const reading = await entra.read(token);
  if (reading.kind === 'invalid') throw new Refusal('unauthorized', `The token is not valid: ${reading.reason}.`);
  if (reading.kind === 'powerless') throw new Refusal('forbidden', `The token is genuine, but ${reading.reason}.`);
  const caller = findCallerByApplication(callers, reading.id);
  if (!caller) throw new Refusal('forbidden', `No caller has the application ${reading.id}. See the CALLERS setting.`);
  return caller;
}
