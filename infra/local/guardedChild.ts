import { lockAddress } from './processLock.ts';

/** Node arguments and environment that put the guard into a program that knows nothing of the supervisor. */
export function childGuard(
  dataDirectory: string,
  role: 'azurite' | 'edge',
): { args: readonly string[]; env: Readonly<Record<string, string>> } {
  return {
    args: ['--import', new URL('childGuard.ts', import.meta.url).href],
    // An environment variable cannot hold the NUL that abstract socket names begin with.
    env: { LOCAL_LOCK: encodeURIComponent(lockAddress(dataDirectory, role)), LOCAL_STOP: role },
  };
}
