// Reads the configuration file and lists everything that is wrong with it at once.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { readCertificate } from '../smtp/tlsMaterial.ts';
import { type CertificateConfig, configSchema, type EdgeConfig } from './configSchema.ts';

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
  const parsed = configSchema.safeParse(document.toJS({ maxAliasCount: 10 }), { reportInput: true });
  if (!parsed.success) return { ok: false, problems: parsed.error.issues.flatMap(describe) };
  const config = parsed.data;
  const relayKey = environment[config.relay.keyVariable]?.trim() ?? '';
  const problems =
    relayKey || withoutKey || config.relay.entra
      ? []
      : [`environment variable ${config.relay.keyVariable}: expected the key of this edge; got nothing`];
  if (relayKey && /[^\x21-\x7e]/.test(relayKey))
    problems.push(`environment variable ${config.relay.keyVariable}: expected a key of printable ASCII without blanks`);
  const placed = placePaths(config, dirname(resolve(file)));
  problems.push(...certificateProblems(placed), ...proxyProblems(environment));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config: placed, relayKey };
}

/** Makes every path absolute. */
function placePaths(config: EdgeConfig, from: string): EdgeConfig {
  const place = (certificate: CertificateConfig | undefined) =>
    certificate && {
      certificateFile: resolve(from, certificate.certificateFile),
      keyFile: resolve(from, certificate.keyFile),
    };
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

/** What is wrong with the proxy of the environment: Node takes it from version 24.5 on. */
function proxyProblems(environment: NodeJS.ProcessEnv): string[] {
  const names = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].filter((name) => environment[name]);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const old = major < 24 || (major === 24 && minor < 5);
  return names.flatMap((name) => {
    if (old)
      return [`environment variable ${name}: expected Node 24.5 or newer to use a proxy; got ${process.version}`];
    return URL.canParse(environment[name]!) ? [] : [`environment variable ${name}: expected the URL of a proxy`];
  });
}

/** What is wrong with the certificates that listeners will use. */
function certificateProblems(config: EdgeConfig): string[] {
  const used = config.listeners.flatMap((listener, i): [string, CertificateConfig][] => {
    if (listener.tls === 'none') return [];
    if (listener.certificate) return [[`listeners[${i}].certificate`, listener.certificate]];
    return config.certificate ? [['certificate', config.certificate]] : [];
  });
  return [...new Map(used)].flatMap(([name, certificate]) => {
    try {
      readCertificate(certificate);
      return [];
    } catch (error) {
      const { certificateFile, keyFile } = certificate;
      return [
        `${name}: expected a certificate and its key in PEM; got ${certificateFile}, ${keyFile}: ${(error as Error).message}`,
      ];
    }
  });
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
