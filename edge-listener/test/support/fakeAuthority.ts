// Microsoft Entra's authority, as far as an application with a certificate sees it: discovery and token endpoint over TLS.
import { createHash, verify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { makeCertificate } from '../../src/certificate.ts';

export interface FakeAuthority {
  readonly url: string;
  /** To be trusted by whoever asks it. */
  readonly caFile: string;
  /** The form fields of every request for a token whose assertion was in order. */
  readonly asked: URLSearchParams[];
  /** What was wrong with the others. */
  readonly problems: string[];
  /** How long its tokens last, in seconds. */
  lifeSeconds: number;
  /** The code it refuses with; undefined while it does not. */
  refusal: string | undefined;
  close(): Promise<void>;
}

/** Knows one application by its certificate; the tokens are `token-1`, `token-2` and so on. */
export async function startFakeAuthority(directory: string, certificateFile: string): Promise<FakeAuthority> {
  const { certificate, key } = makeCertificate({ names: ['localhost'], days: 2 });
  const caFile = join(directory, 'authority.pem');
  writeFileSync(caFile, certificate);
  const application = new X509Certificate(readFileSync(certificateFile));

  /** The rules of https://learn.microsoft.com/entra/identity-platform/certificate-credentials. */
  function problemOf(form: URLSearchParams, tokenUrl: string): string | undefined {
    const [head = '', claims = '', signature = ''] = (form.get('client_assertion') ?? '').split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
    const { alg, ...header } = read(head);
    const { aud, iss, sub, exp, jti } = read(claims);
    const thumbprint = createHash('sha256').update(application.raw).digest('base64url');
    if (alg !== 'PS256' && alg !== 'RS256') return `alg ${alg}`;
    if (header['x5t#S256'] !== thumbprint) return `a certificate it does not know: ${JSON.stringify(header)}`;
    const padding = alg === 'PS256' ? { padding: 6, saltLength: 32 } : {};
    const signed = Buffer.from(`${head}.${claims}`);
    if (!verify('sha256', signed, { key: application.publicKey, ...padding }, Buffer.from(signature, 'base64url')))
      return 'a wrong signature';
    if (aud !== tokenUrl || iss !== 'the-app' || sub !== 'the-app' || !jti)
      return `claims ${JSON.stringify(read(claims))}`;
    return Number(exp) * 1000 > Date.now() ? undefined : 'an old assertion';
  }

  const server = https.createServer({ cert: certificate, key }, async (request, response) => {
    const url = new URL(request.url!, authority.url);
    const tokenUrl = `${authority.url}/the-tenant/oauth2/v2.0/token`;
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (url.pathname === '/the-tenant/v2.0/.well-known/openid-configuration')
      return answer(200, {
        token_endpoint: tokenUrl,
        authorization_endpoint: `${authority.url}/the-tenant/oauth2/v2.0/authorize`,
        issuer: `${authority.url}/the-tenant/v2.0`,
        jwks_uri: `${authority.url}/the-tenant/discovery/v2.0/keys`,
      });
    if (url.origin + url.pathname !== tokenUrl) return answer(404, { error: 'not_found' });
    const form = new URLSearchParams(await text(request));
    if (authority.refusal)
      return answer(401, { error: 'invalid_client', error_description: authority.refusal, error_codes: [700027] });
    const problem = problemOf(form, tokenUrl);
    if (problem) {
      authority.problems.push(problem);
      return answer(401, { error: 'invalid_client', error_description: problem });
    }
    authority.asked.push(form);
    const access_token = `token-${authority.asked.length}`;
    answer(200, { token_type: 'Bearer', expires_in: authority.lifeSeconds, access_token });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const authority: FakeAuthority = {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    caFile,
    asked: [],
    problems: [],
    lifeSeconds: 3600,
    refusal: undefined,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return authority;
}
