import { renameSync, rmSync, writeFileSync } from 'node:fs';

/** The processes of a local relay; null while one is being started again or is not wanted. */
export interface ProcessIds {
  readonly supervisor: number;
  readonly azurite: number | null;
  readonly sandbox: number | null;
  readonly workers: readonly number[];
  readonly edge: number | null;
}

/** Writes the process ids so that a reader never sees half a file. */
export function writeProcessIds(path: string, ids: ProcessIds): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(ids)}\n`);
  renameSync(`${path}.new`, path);
}

/** Removes the file at the end of a clean stop. */
export function removeProcessIds(path: string): void {
  rmSync(path, { force: true });
}
