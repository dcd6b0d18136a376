/** Access tokens of Microsoft Entra ID as credentials of callers: whose they are, and whether they may submit mail. */
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';

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

/** @param keys where the signing keys come from; by default Entra's own, fetched when needed and kept */
export function createEntraTokens(settings: EntraSettings, keys: JWTVerifyGetKey = remoteKeys(settings)): EntraTokens {
  const { tenantId, audiences, authority } = settings;
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
      if (payload.tid !== tenantId || typeof application !== 'string')
        return { kind: 'invalid', reason: 'it is not a token of an application in this tenant' };
      if (!Array.isArray(payload.roles) || !payload.roles.includes(SUBMIT_ROLE))
        return { kind: 'powerless', reason: `it does not carry the app role ${SUBMIT_ROLE}` };
      return { kind: 'application', id: application.toLowerCase() };
    },
  };
}

function remoteKeys({ authority, tenantId }: EntraSettings): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(`${authority}/${tenantId}/discovery/v2.0/keys`));
}

/** Not the token's fault: the keys did not come, or not in time. Everything else jose throws is about the token. */
function isKeysTrouble(error: unknown): boolean {
  return (
    !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout || error.code === 'ERR_JOSE_GENERIC'
  );
}
