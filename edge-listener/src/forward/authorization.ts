// The `Authorization` header: a key, or a token of Microsoft Entra.
import type { TokenCredential } from '@azure/identity';
import type { EntraConfig } from '../config/configSchema.ts';

/** Longest wait for a token, in milliseconds: a request that waits for one holds a message. */
const TOKEN_TIMEOUT_MS = 60_000;

/** There is no token, and so no request: the function app was not asked. The message says why, for an administrator. */
export class NoTokenError extends Error {
  override name = 'NoTokenError';
}

/**
 * Gives the header for the next request. Tokens are kept and renewed by the credential; when none can be had it throws
 * {@link NoTokenError}, and the mail waits.
 */
export async function createAuthorization(
  key: string,
  entra: EntraConfig | undefined,
  timeoutMs = TOKEN_TIMEOUT_MS,
): Promise<() => Promise<string>> {
  if (!entra) return async () => `Bearer ${key}`;
  const credential = await createCredential(entra);
  let asking: Promise<string> | undefined;

  async function ask({ scope }: EntraConfig): Promise<string> {
    const abortSignal = AbortSignal.timeout(timeoutMs);
    // Not every way to a token looks at the signal.
    const late = new Promise<never>((_, reject) => {
      abortSignal.addEventListener('abort', () => reject(new Error(`no answer within ${timeoutMs / 1000} s`)));
    });
    const token = await Promise.race([credential.getToken(scope, { abortSignal }), late]).catch((error: Error) => {
      throw new NoTokenError(`Microsoft Entra gave no token: ${error.message.slice(0, 500)}`, { cause: error });
    });
    if (!token) throw new NoTokenError('Microsoft Entra gave no token.');
    return `Bearer ${token.token}`;
  }

  // Whoever needs a token while one is being asked for gets that one.
  return () => {
    asking ??= ask(entra).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

/** The library is loaded only where it is used: most edges have a key. */
async function createCredential(entra: EntraConfig): Promise<TokenCredential> {
  const { ClientCertificateCredential, ManagedIdentityCredential } = await import('@azure/identity');
  if ('managedIdentity' in entra)
    return entra.clientId
      ? new ManagedIdentityCredential({ clientId: entra.clientId })
      : new ManagedIdentityCredential();
  const { tenantId, clientId, certificateFile: certificatePath, authority: authorityHost } = entra;
  // An authority that the administrator names is not looked up at Microsoft's public one first.
  const options = authorityHost ? { authorityHost, disableInstanceDiscovery: true } : {};
  return new ClientCertificateCredential(tenantId, clientId, { certificatePath }, options);
}
