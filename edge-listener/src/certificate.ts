// A self-signed certificate for STARTTLS on a LAN: devices do not check it, but none of them shares its key.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, boolean, der, integer, octets, oid, sequence, set, tagged, time, utf8 } from './der.ts';

const SHA256_WITH_RSA = sequence(oid('1.2.840.113549.1.1.11'), der(0x05));
const DAY = 24 * 60 * 60 * 1000;

export interface CertificateWish {
  /** Host names and addresses, the first one is the subject. */
  readonly names: readonly [string, ...string[]] | readonly string[];
  readonly days: number;
}

/** Certificate and key, PEM. RSA with 2048 bits and SHA-256: old devices know nothing else (RFC 5280). */
export function makeCertificate({ names, days }: CertificateWish): { certificate: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const name = sequence(set(sequence(oid('2.5.4.3'), utf8(names[0] ?? 'edge-listener'))));
  const now = Date.now();
  const serial = randomBytes(16);
  serial[0]! &= 0x7f;
  serial[0]! |= 0x01;
  const extensions = sequence(
    extension('2.5.29.19', true, sequence()),
    extension('2.5.29.17', false, sequence(...names.map(alternativeName))),
    extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))),
  );
  const toSign = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(serial),
    SHA256_WITH_RSA,
    name,
    sequence(time(new Date(now - DAY)), time(new Date(now + days * DAY))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, extensions),
  );
  const certificate = sequence(toSign, SHA256_WITH_RSA, bits(sign('sha256', toSign, privateKey)));
  return {
    certificate: pem('CERTIFICATE', certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function alternativeName(name: string): Buffer {
  if (isIP(name) === 4) return der(0x87, Buffer.from(name.split('.').map(Number)));
  if (isIP(name) === 6) return der(0x87, bytesOfIpv6(name));
  return der(0x82, Buffer.from(name, 'ascii'));
}

function bytesOfIpv6(address: string): Buffer {
  // As a URL has it, an address is eight groups at most, without the dotted form; `::` stands for those left out.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined) => (text ? text.split(':') : []);
  const [before, behind] = [groups(head), groups(tail)];
  const zeros = Array<string>(8 - before.length - behind.length).fill('0');
  return Buffer.from([...before, ...zeros, ...behind].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}
