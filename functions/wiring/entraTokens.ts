/** Access tokens of Microsoft Entra ID as credentials of callers: whose they are, and whether they may submit mail. */
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';

/** The app role that a token must carry, as the app registration defines it. */
export const SUBMIT_ROLE = 'Mail.Submit';

export interface EntraSettings {
  readonly tenantId: string;
  /** What tokens are issued for: the app registration's client id (v2 tokens) or its application id URI (v1). */
  readonly audiences: readonly string[];
  /** Root of the sign-in service; differs in national clouds. */
  readonly authority: string;
}

/** What a token turned out to be. */
export type TokenReading =
  | { readonly kind: 'application'; readonly id: string }
  /** Forged, expired, or for somebody else. */
  | { readonly kind: 'invalid'; readonly reason: string }
  /** Genuine, but without the right to submit mail. */
  | { readonly kind: 'powerless'; readonly reason: string };

export interface EntraTokens {
  /** Reads a token; throws only when Entra's keys cannot be had. */
  read(token: string): Promise<TokenReading>;
}

/** Clocks differ; a token is believed this many seconds before and after its time. */
const CLOCK_TOLERANCE_SECONDS = 60;

/** Entra's keys change within days, announced before: those of this long ago are still believed while it does not answer. */
const KEPT_KEYS_MS = 24 * 3600_000;

/** @param keys where the signing keys come from; by default Entra's own, fetched when needed and kept */
export function createEntraTokens(settings: EntraSettings, keys: JWTVerifyGetKey = remoteKeys(settings)): EntraTokens {
  const { audiences, authority } = settings;
  const tenantId = settings.tenantId.toLowerCase();
  const options = {
    // The app registration decides which version its tokens have; v1 has an issuer of its own in every cloud.
    issuer: [`${authority}/${tenantId}/v2.0`, `https://sts.windows.net/${tenantId}/`],
    audience: [...audiences],
    algorithms: ['RS256'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ['exp', 'nbf', 'aud', 'iss', 'tid'],
  };
  return {
    async read(token) {
      let payload: JWTPayload;
      try {
        ({ payload } = await jwtVerify(token, keys, options));
      } catch (error) {
        if (isKeysTrouble(error)) throw error;
        return { kind: 'invalid', reason: (error as Error).message };
      }
      // `azp` in v2 tokens, `appid` in v1: the application that asked for the token.
      const application = payload.azp ?? payload.appid;
      if (String(payload.tid).toLowerCase() !== tenantId || typeof application !== 'string')
        return { kind: 'invalid', reason: 'it is not a token of an application in this tenant' };
      // Roles of a user's token are the user's own; whom CALLERS names is an application that acts for itself.
      if (payload.scp !== undefined)
        return { kind: 'powerless', reason: 'it speaks for a user (it has scp), not for an application' };
      if (!Array.isArray(payload.roles) || !payload.roles.includes(SUBMIT_ROLE))
        return { kind: 'powerless', reason: `it does not carry the app role ${SUBMIT_ROLE}` };
      return { kind: 'application', id: application.toLowerCase() };
    },
  };
}

/**
 * Entra's signing keys, fetched when needed. While they cannot be had, those that were had last are used: a token is not
 * less genuine because Entra is away. A key that is not among them may be a new one, so that stays trouble.
 *
 * @param cacheMaxAge milliseconds after which they are fetched again
 */
export function remoteKeys({ authority, tenantId }: EntraSettings, cacheMaxAge = 600_000): JWTVerifyGetKey {
  const url = new URL(`${authority}/${tenantId.toLowerCase()}/discovery/v2.0/keys`);
  const remote = createRemoteJWKSet(url, { cacheMaxAge });
  let last: { readonly keys: ReturnType<typeof createLocalJWKSet>; readonly at: number } | undefined;
  return async (header, token) => {
    try {
      const key = await remote(header, token);
      last = { keys: createLocalJWKSet(remote.jwks()!), at: Date.now() };
      return key;
    } catch (trouble) {
      if (!isKeysTrouble(trouble) || !last || Date.now() - last.at > KEPT_KEYS_MS) throw trouble;
      return last.keys(header, token).catch(() => {
        throw trouble;
      });
    }
  };
}

/** Not the token's fault: the keys did not come, not in time, or are none. Everything else jose throws is about the token. */
function isKeysTrouble(error: unknown): boolean {
  return (
    !(error instanceof errors.JOSEError) ||
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === 'ERR_JOSE_GENERIC'
  );
}
