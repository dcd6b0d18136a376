/** Access tokens for Graph: from the managed identity, or a fixed word for the sandbox. Never a developer's login. */
import type { TokenCredential } from '@azure/identity';
import type { Settings } from '../wiring/settings.ts';

export interface TokenSource {
  /** A valid access token. Many callers at once cause one request. */
  get(): Promise<string>;
  /** Drops the token: Graph answered 401 to it. */
  forget(): void;
}

/** Renew this long before a token ends. */
const MARGIN_MS = 5 * 60_000;

export function createTokenSource(credential: TokenCredential, scope: string): TokenSource {
  let current: { token: string; until: number } | undefined;
  let pending: Promise<string> | undefined;

  async function renew(): Promise<string> {
    const token = await credential.getToken(scope);
    if (!token) throw new Error('The identity endpoint gave no token.');
    current = { token: token.token, until: token.expiresOnTimestamp - MARGIN_MS };
    return token.token;
  }

  return {
    async get() {
      if (current && Date.now() < current.until) return current.token;
      pending ??= renew().finally(() => {
        pending = undefined;
      });
      return pending;
    },
    forget() {
      current = undefined;
    },
  };
}

/** The credential that the settings name. The identity package is loaded only where it is used: it is slow to load. */
export function graphTokenSource(settings: Settings): TokenSource {
  const { GRAPH_CREDENTIAL, GRAPH_CLIENT_ID, GRAPH_SCOPE } = settings;
  if (GRAPH_CREDENTIAL === 'none') return { get: async () => 'sandbox', forget: () => {} };
  let source: Promise<TokenSource> | undefined;
  const load = async () => {
    const { ManagedIdentityCredential } = await import('@azure/identity');
    return createTokenSource(new ManagedIdentityCredential({ clientId: GRAPH_CLIENT_ID! }), GRAPH_SCOPE);
  };
  return {
    async get() {
      source ??= load();
      return (await source).get();
    },
    forget: () => void source?.then((loaded) => loaded.forget()),
  };
}
