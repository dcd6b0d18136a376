import { DIGEST_HEADER } from '../contract/relayProtocol.ts';
import { Refusal } from './problems.ts';

/**
 * The SHA-256 that a Content-Digest or Repr-Digest header (RFC 9530) promises, as hex; undefined when there is none.
 * Other algorithms beside it are ignored; a header without sha-256, or that cannot be read, is refused: it was meant to
 * be checked.
 */
export function promisedSha256(header: string | null, name = DIGEST_HEADER): string | undefined {
  if (header === null) return undefined;
  for (const member of header.split(',')) {
    const [, algorithm, value] = /^\s*([a-z0-9-]+)=:([A-Za-z0-9+/]+={0,2}):\s*$/.exec(member) ?? [];
    if (algorithm !== 'sha-256') continue;
    const bytes = Buffer.from(value!, 'base64');
    if (bytes.length === 32) return bytes.toString('hex');
  }
  throw new Refusal('bad-request', `${name} is not of the form sha-256=:BASE64: (RFC 9530).`);
}
