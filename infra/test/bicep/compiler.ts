/**
 * The real Bicep compiler: the one that BICEP names, one on the PATH, or the NuGet package of a fixed version, fetched by
 * the .NET SDK and kept under node_modules/.cache. Undefined when none can be had.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BICEP_VERSION = '0.49.2';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROJECT = fileURLToPath(new URL('bicep.csproj', import.meta.url));
const RESTORE_MS = 90_000;

const PLATFORMS: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'osx', win32: 'win' };

export interface Compiler {
  /** Where it came from, for the report. */
  readonly source: string;
  /** Runs a command of the compiler's; both outputs as text. */
  run(...args: string[]): { status: number | null; stdout: string; stderr: string };
}

export function findCompiler(): Compiler | undefined {
  const { BICEP } = process.env;
  if (BICEP) return compilerAt(BICEP, 'the BICEP environment variable');
  return compilerAt('bicep', 'the PATH') ?? fromNuGet();
}

function fromNuGet(): Compiler | undefined {
  const platform = `${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`;
  const name = `Azure.Bicep.CommandLine.${platform}`;
  const directory = join(ROOT, 'node_modules/.cache/bicep/');
  const tool = process.platform === 'win32' ? 'bicep.exe' : 'bicep';
  const path = join(directory, 'packages', name.toLowerCase(), BICEP_VERSION, 'tools', tool);
  if (!existsSync(path)) {
    mkdirSync(directory, { recursive: true });
    const properties = {
      BicepPackage: name,
      BicepVersion: BICEP_VERSION,
      RestorePackagesPath: join(directory, 'packages/'),
      // Nothing may be written beside the project: it is in the repository.
      MSBuildProjectExtensionsPath: join(directory, 'obj/'),
    };
    spawnSync(
      'dotnet',
      ['restore', PROJECT, '--verbosity', 'quiet', ...Object.entries(properties).map(([key, to]) => `-p:${key}=${to}`)],
      {
        timeout: RESTORE_MS,
        env: { ...process.env, DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' },
      },
    );
    if (!existsSync(path)) return undefined;
    chmodSync(path, 0o755);
  }
  return compilerAt(path, `NuGet ${name} ${BICEP_VERSION}`);
}

function compilerAt(command: string, source: string): Compiler | undefined {
  const run = (...args: string[]) =>
    spawnSync(command, args, { encoding: 'utf8', cwd: ROOT, maxBuffer: 64_000_000, timeout: 60_000 });
  return run('--version').status === 0 ? { source, run } : undefined;
}
