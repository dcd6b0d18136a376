// The `Authorization` header: a key, or a token of Microsoft Entra.
import type { TokenCredential } from '@azure/identity';
import type { EntraConfig } from '../config/configSchema.ts';

/**
 * Gives the header for the next request. Tokens are kept and renewed by the credential; when none can be had the
 * request counts as not answered, and the mail waits.
 */
export async function createAuthorization(key: string, entra: EntraConfig | undefined): Promise<() => Promise<string>> {
  if (!entra) return async () => `Bearer ${key}`;
  const credential = await createCredential(entra);
  return async () => {
    const token = await credential.getToken(entra.scope);
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
