/** PowerShell's engine in a host of a few lines, built once by the .NET SDK where that can be done. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('runScript.csproj', import.meta.url));
const DIRECTORY = fileURLToPath(new URL('../../../node_modules/.cache/powershellSdk/', import.meta.url));
/** Run by `dotnet`. With a script as its argument it does what `pwsh -File` does. */
export const HOST: string = join(DIRECTORY, 'bin/runScript.dll');
const BUILD_MS = 90_000;

export interface ScriptRun {
  readonly lines: readonly string[];
  /** What it threw, or the first error it printed. */
  readonly error: string | null;
}

export interface PowerShell {
  /** Runs a text where nothing is left of what ran before. One at a time. */
  run(text: string): Promise<ScriptRun>;
  close(): void;
}

/** Whether the engine is there, after trying to fetch it. */
export const engineIsThere: boolean = buildHost();

if (!engineIsThere)
  console.error("*** PowerShell's engine could not be had from NuGet: what is written in PowerShell is read, NOT run.");

function buildHost(): boolean {
  if (existsSync(HOST)) return true;
  mkdirSync(DIRECTORY, { recursive: true });
  const properties = {
    OutputPath: join(DIRECTORY, 'bin/'),
    BaseIntermediateOutputPath: join(DIRECTORY, 'obj/'),
    RestorePackagesPath: join(DIRECTORY, 'packages/'),
  };
  const given = Object.entries(properties).map(([name, value]) => `-p:${name}=${value}`);
  spawnSync('dotnet', ['build', PROJECT, '--verbosity', 'quiet', ...given], {
    timeout: BUILD_MS,
    env: { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' },
  });
  return existsSync(HOST);
}

export function startPowerShell(): PowerShell {
  const child = spawn('dotnet', [HOST], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(text) {
      child.stdin.write(`${Buffer.from(text).toString('base64')}\n`);
      const { value, done } = await answers.next();
      if (done) throw new Error('The PowerShell host has ended.');
      return JSON.parse(value) as ScriptRun;
    },
    close: () => child.stdin.end(),
  };
}
