// The certificate of a listener: read from files, read again when they change, never the library's own.
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import tls from 'node:tls';
import type { CertificateConfig, ListenerConfig } from '../config/configSchema.ts';
import type { Report } from '../events.ts';

/** How often the files are looked at, in milliseconds. */
const LOOK_MS = 10_000;
/** From so many days before its end a certificate is warned of, once a day. */
const WARN_DAYS = 30;
const DAY = 24 * 60 * 60 * 1000;

/** Reads the files. Throws with a sentence when they are missing, do not parse or do not belong together. */
export function readCertificate({ certificateFile, keyFile }: CertificateConfig): { cert: Buffer; key: Buffer } {
  const cert = readFileSync(certificateFile);
  const key = readFileSync(keyFile);
  tls.createSecureContext({ cert, key });
  return { cert, key };
}

/** The TLS options of a listener with this certificate. */
export function tlsOptionsOf(listener: ListenerConfig, certificate: CertificateConfig): tls.TlsOptions {
  const material = readCertificate(certificate);
  if (!listener.legacyTls) return { ...material, minVersion: 'TLSv1.2' };
  // OpenSSL 3 refuses TLS 1.0 and 1.1 at its default security level although they are enabled.
  return { ...material, minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0', dhparam: 'auto' };
}

/** Why old devices will not take this certificate, in words for a person; undefined when they will. */
export function oldDeviceProblem(certificate: Buffer | string): string | undefined {
  const { asymmetricKeyType } = new X509Certificate(certificate).publicKey;
  if (asymmetricKeyType === 'rsa') return undefined;
  return `its key is ${asymmetricKeyType}; devices that need legacyTls know only RSA`;
}

/** When the certificate ends, ISO 8601. */
export function certificateEnd({ certificateFile }: CertificateConfig): string {
  return new Date(new X509Certificate(readFileSync(certificateFile)).validTo).toISOString();
}

/** Calls `use` with new options whenever the files have changed; returns how to stop. */
export function watchCertificate(
  listener: ListenerConfig,
  certificate: CertificateConfig,
  report: Report,
  use: (options: tls.TlsOptions) => void,
): () => void {
  let seen = stamp(certificate);
  let warnedAt = Number.NEGATIVE_INFINITY;

  function warn(): void {
    if (performance.now() - warnedAt < DAY) return;
    const days = Math.floor((Date.parse(certificateEnd(certificate)) - Date.now()) / DAY);
    if (days >= WARN_DAYS) return;
    warnedAt = performance.now();
    report('edge.certificateExpiring', { file: certificate.certificateFile, daysLeft: days });
  }

  function look(): void {
    const now = stamp(certificate);
    try {
      if (now !== seen) {
        use(tlsOptionsOf(listener, certificate));
        seen = now;
        warnedAt = Number.NEGATIVE_INFINITY;
        report('edge.certificateReloaded', { file: certificate.certificateFile });
      }
      warn();
    } catch (error) {
      seen = now;
      report('edge.error', { reason: `${certificate.certificateFile}: the old certificate stays in use: ${error}` });
    }
  }

  look();
  const timer = setInterval(look, LOOK_MS).unref();
  return () => clearInterval(timer);
}

function stamp({ certificateFile, keyFile }: CertificateConfig): string {
  return [certificateFile, keyFile]
    .map((file) => {
      const { mtimeMs, size, ino } = statSync(file, { throwIfNoEntry: false }) ?? {};
      return `${mtimeMs}:${size}:${ino}`;
    })
    .join();
}
