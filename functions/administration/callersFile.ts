/** Where the CALLERS setting is kept: local settings, a file of its own, or the function app in Azure. */
import { exec, execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The JSON text of the setting, read and written as a whole. */
export interface CallersPlace {
  /** For a person: what was changed. */
  readonly name: string;
  /** When a change to this text counts and what is still to do, in words. */
  effect(text: string): string;
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
    effect: () => 'It counts from the next "npm start".',
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
    effect: (text) => `It counts when it has been provisioned:\n\n${keepForAzd(text)}\n  azd provision`,
    read: async () => (existsSync(path) ? readFileSync(path, 'utf8') : '{}'),
    write: async (text) => replaceFile(path, JSON.parse(text)),
  };
}

/** The app setting CALLERS, through the Azure CLI and the login of whoever runs this. */
export function azureSettings(app: string, group: string): CallersPlace {
  if (!/^[A-Za-z0-9-]{1,60}$/.test(app)) throw new Error('--app takes the name of a function app.');
  if (!/^[\p{L}\p{N}._()-]{1,90}$/u.test(group)) throw new Error('--group takes the name of a resource group.');
  const az = (...args: string[]) =>
    runAz([
      'functionapp',
      'config',
      'appsettings',
      ...args,
      '--name',
      app,
      '--resource-group',
      group,
      '--output',
      'json',
    ]);
  return {
    name: `the setting CALLERS of ${app}`,
    effect: (text) =>
      `The app restarts now and knows it within a minute. The next "azd provision" puts what azd has in its place, so
give it to azd too:\n\n${keepForAzd(text)}`,
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

/** The command that keeps the callers for the next provisioning; the text stands between single quotes in any shell. */
function keepForAzd(text: string): string {
  return `  azd env set RELAY_CALLERS '${text.replaceAll("'", '\\u0027')}'`;
}

async function runAz(args: readonly string[]): Promise<string> {
  const options = { maxBuffer: 10_000_000 };
  // On Windows az is a batch file, which only a shell can run.
  if (process.platform === 'win32') return (await promisify(exec)(windowsCommand('az', args), options)).stdout;
  return (await promisify(execFile)('az', args, options)).stdout;
}

/** A command line of cmd.exe. What a quoted word cannot hold there is refused. */
export function windowsCommand(program: string, args: readonly string[]): string {
  const unsafe = args.find((arg) => /["%\r\n]/.test(arg));
  if (unsafe !== undefined) throw new Error(`This cannot be handed to ${program} on Windows: ${unsafe}`);
  return [program, ...args.map((arg) => `"${arg}"`)].join(' ');
}

/** Whole or not at all, with the rights that the file had; a link stays one. */
function replaceFile(path: string, value: unknown): void {
  const file = existsSync(path) ? realpathSync(path) : path;
  const mode = existsSync(file) ? statSync(file).mode & 0o777 : 0o600;
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode });
  chmodSync(`${file}.new`, mode);
  renameSync(`${file}.new`, file);
}
