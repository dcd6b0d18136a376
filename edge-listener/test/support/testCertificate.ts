// A self-signed certificate for tests, made by the product's own command code.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from '../../src/certificate.ts';

/** Writes `NAME.pem` and `NAME.key` into `directory`. */
export function writeCertificate(directory: string, name = 'edge', days = 365) {
  const { certificate, key } = makeCertificate({ names: ['edge.example.com'], days });
  const files = { certificateFile: join(directory, `${name}.pem`), keyFile: join(directory, `${name}.key`) };
  writeFileSync(files.certificateFile, certificate);
  writeFileSync(files.keyFile, key);
  return files;
}
