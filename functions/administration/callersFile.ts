/** Where the CALLERS setting is kept: local settings, a file of its own, or the function app in Azure. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The JSON text of the setting, read and written as a whole. */
export interface CallersPlace {
  /** For a person: what was changed. */
  readonly name: string;
  /** What to do for a change to count, in words. */
  readonly effect: string;
  read(): Promise<string>;
  write(text: string): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** `Values.CALLERS` of local.settings.json, which starts out as that of the sample. */
export function localSettings(directory = ROOT): CallersPlace {
  const [path, sample] = [join(directory, 'local.settings.json'), join(directory, 'local.settings.sample.json')];
  const open = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as { Values?: Record<string, string> };
  return {
    name: path,
    effect: 'It counts from the next "npm start".',
    read: async () => (existsSync(path) ? open(path).Values?.CALLERS : undefined) ?? open(sample).Values!.CALLERS!,
    async write(text) {
      const settings = existsSync(path) ? open(path) : { IsEncrypted: false, Values: {} };
      replaceFile(path, { ...settings, Values: { ...settings.Values, CALLERS: text } });
    },
  };
}

/** A file that holds the callers and nothing else, such as the value of the template's parameter `callers`. */
export function ownFile(path: string): CallersPlace {
  return {
    name: path,
    effect: 'It counts when the file has been deployed.',
    read: async () => (existsSync(path) ? readFileSync(path, 'utf8') : '{}'),
    write: async (text) => replaceFile(path, JSON.parse(text)),
  };
}

/** The app setting CALLERS, through the Azure CLI and the login of whoever runs this. */
export function azureSettings(app: string, group: string): CallersPlace {
  const az = async (...args: string[]) => {
    const all = ['functionapp', 'config', 'appsettings', ...args, '--name', app, '--resource-group', group];
    return (await promisify(execFile)('az', [...all, '--output', 'json'], { maxBuffer: 10_000_000 })).stdout;
  };
  return {
    name: `the setting CALLERS of ${app}`,
    effect: 'The app restarts now and knows it within a minute.',
    async read() {
      const settings = JSON.parse(await az('list')) as { name: string; value: string }[];
      const text = settings.find(({ name }) => name === 'CALLERS')?.value || '{}';
      if (text.startsWith('@Microsoft.KeyVault'))
        throw new Error('CALLERS of this app is kept in a Key Vault: keep a --file and make it the secret.');
      return text;
    },
    async write(text) {
      // Not as an argument: quoting differs between shells, and lengths are limited.
      const directory = mkdtempSync(join(tmpdir(), 'callers-'));
      try {
        const file = join(directory, 'settings.json');
        writeFileSync(file, JSON.stringify({ CALLERS: text }), { mode: 0o600 });
        await az('set', '--settings', `@${file}`);
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
  };
}

function replaceFile(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
