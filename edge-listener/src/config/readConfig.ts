// Reads the configuration file and lists everything that is wrong with it at once.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { readCertificate } from '../smtp/tlsMaterial.ts';
import { type CertificateConfig, configSchema, type EdgeConfig } from './configSchema.ts';
import { crossProblems } from './crossChecks.ts';
import { keyProblems, proxyProblems } from './environmentChecks.ts';

/** The configuration, or every problem with it: one sentence each, name first, then what was expected and found. */
export type ConfigReading =
  | { readonly ok: true; readonly config: EdgeConfig; readonly relayKey: string }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * Reads `file`; paths in it are taken relative to its directory, secrets from `environment`. A key is not needed by
 * commands that do not talk to the relay, nor with Microsoft Entra.
 */
export function readConfig(file: string, environment: NodeJS.ProcessEnv, { withoutKey = false } = {}): ConfigReading {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { ok: false, problems: [`${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map((e) => `${file}: line ${lines.linePos(e.pos[0]).line}: ${e.message}`);
    return { ok: false, problems };
  }
  const value: unknown = document.toJS({ maxAliasCount: 10 });
  const parsed = configSchema.safeParse(value, { reportInput: true });
  const { keyVariable = 'RELAY_KEY', url, entra } = fieldsOf(fieldsOf(value).relay);
  const variable = String(keyVariable);
  const from = dirname(resolve(file));
  const problems = [
    ...(parsed.success ? [] : parsed.error.issues.flatMap(describe)),
    ...crossProblems(value),
    ...certificateProblems(fieldsOf(value), from),
    ...keyProblems(variable, environment, !withoutKey && entra === undefined),
    ...proxyProblems(String(url), environment),
  ];
  if (!parsed.success || problems.length > 0) return { ok: false, problems };
  return { ok: true, config: placePaths(parsed.data, from), relayKey: environment[variable]?.trim() ?? '' };
}

/** Makes every path absolute. */
function placePaths(config: EdgeConfig, from: string): EdgeConfig {
  const place = (certificate: CertificateConfig | undefined) => certificate && placeCertificate(certificate, from);
  const { entra } = config.relay;
  return {
    ...config,
    spool: { ...config.spool, directory: resolve(from, config.spool.directory) },
    relay: {
      ...config.relay,
      entra:
        entra && 'certificateFile' in entra
          ? { ...entra, certificateFile: resolve(from, entra.certificateFile) }
          : entra,
    },
    certificate: place(config.certificate),
    listeners: config.listeners.map((listener) => ({ ...listener, certificate: place(listener.certificate) })),
  };
}

/** What is wrong with the certificates that listeners and Entra will use, as far as the file names any. */
function certificateProblems(value: Readonly<Record<string, unknown>>, from: string): string[] {
  const listeners = Array.isArray(value.listeners) ? value.listeners.map(fieldsOf) : [];
  const used = listeners.flatMap((listener, i): [string, unknown][] => {
    if (listener.tls === undefined || listener.tls === 'none') return [];
    return listener.certificate === undefined
      ? [['certificate', value.certificate]]
      : [[`listeners[${i}].certificate`, listener.certificate]];
  });
  const { certificateFile: file } = fieldsOf(fieldsOf(value.relay).entra);
  if (file !== undefined) used.push(['relay.entra.certificateFile', { certificateFile: file, keyFile: file }]);
  return [...new Map(used)].flatMap(([name, certificate]) => {
    const { certificateFile, keyFile } = fieldsOf(certificate);
    if (typeof certificateFile !== 'string' || typeof keyFile !== 'string') return [];
    const placed = placeCertificate({ certificateFile, keyFile }, from);
    try {
      readCertificate(placed);
      return [];
    } catch (error) {
      const files = [...new Set([placed.certificateFile, placed.keyFile])].join(', ');
      return [`${name}: expected a certificate and its key in PEM; got ${files}: ${(error as Error).message}`];
    }
  });
}

/** The fields of a value that may be anything. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function placeCertificate({ certificateFile, keyFile }: CertificateConfig, from: string): CertificateConfig {
  return { certificateFile: resolve(from, certificateFile), keyFile: resolve(from, keyFile) };
}

type Issue = { path: PropertyKey[]; message: string; code: string; input?: unknown; keys?: string[] };

function describe(issue: Issue): string[] {
  const name = issue.path.reduce<string>(
    (path, key) => (typeof key === 'number' ? `${path}[${key}]` : path ? `${path}.${String(key)}` : String(key)),
    '',
  );
  if (issue.code === 'unrecognized_keys')
    return (issue.keys ?? []).map((key) => `${name ? `${name}.` : ''}${key}: expected nothing of this name; got it`);
  const message = issue.message.startsWith('expected') ? issue.message : issue.message.replace(/^Invalid input: /, '');
  const got = issue.input === undefined ? 'nothing' : JSON.stringify(issue.input)?.slice(0, 100);
  return [`${name || 'the file'}: ${message.replace(/, received .*$/, '')}; got ${got}`];
}
