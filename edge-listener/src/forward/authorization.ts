// The `Authorization` header: a key, or a token of Microsoft Entra.
import type { TokenCredential } from '@azure/identity';
import type { EntraConfig } from '../config/configSchema.ts';

/** Longest wait for a token, in milliseconds: a request that waits for one holds a message. */
const TOKEN_TIMEOUT_MS = 60_000;

/**
 * Gives the header for the next request. Tokens are kept and renewed by the credential; when none can be had the
 * request counts as not answered, and the mail waits.
 */
export async function createAuthorization(
  key: string,
  entra: EntraConfig | undefined,
  timeoutMs = TOKEN_TIMEOUT_MS,
): Promise<() => Promise<string>> {
  if (!entra) return async () => `Bearer ${key}`;
  const credential = await createCredential(entra);
  return async () => {
    const abortSignal = AbortSignal.timeout(timeoutMs);
    // Not every way to a token looks at the signal.
    const late = new Promise<never>((_, reject) => {
      abortSignal.addEventListener('abort', () =>
        reject(new Error(`Microsoft Entra gave no token within ${timeoutMs / 1000} s.`)),
      );
    });
    const token = await Promise.race([credential.getToken(entra.scope, { abortSignal }), late]);
    if (!token) throw new Error('Microsoft Entra gave no token.');
    return `Bearer ${token.token}`;
  };
}

/** The library is loaded only where it is used: most edges have a key. */
async function createCredential(entra: EntraConfig): Promise<TokenCredential> {
  const { ClientCertificateCredential, ManagedIdentityCredential } = await import('@azure/identity');
  if ('managedIdentity' in entra)
    return entra.clientId
      ? new ManagedIdentityCredential({ clientId: entra.clientId })
      : new ManagedIdentityCredential();
  const { tenantId, clientId, certificateFile } = entra;
  return new ClientCertificateCredential(tenantId, clientId, { certificatePath: certificateFile });
}
