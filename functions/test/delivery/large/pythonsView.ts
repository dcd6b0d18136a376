// What an independent parser, Python's email package, takes for the attachments of a message.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PythonsAttachment {
  readonly type: string;
  /** Empty when it has none. */
  readonly name: string;
  readonly contentId: string;
  readonly bytes: number;
  /** Hex, of the decoded content. */
  readonly sha256: string;
}

export interface PythonsView {
  /** In the order in which they stand in the message. */
  readonly attachments: readonly PythonsAttachment[];
  /** Whether the message is broken somewhere, so that there is more than one way to read it. */
  readonly guessed: boolean;
}

/** Reads the message. Throws when Python 3 is missing or gives up. */
export function pythonsView(message: Buffer): PythonsView {
  const folder = mkdtempSync(join(tmpdir(), 'pythons-view-'));
  try {
    const file = join(folder, 'message.eml');
    writeFileSync(file, message);
    const script = fileURLToPath(new URL('extract.py', import.meta.url));
    const run = spawnSync('python3', [script, file], {
      encoding: 'utf8',
      timeout: 60_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    if (run.error) throw new Error(`Python 3 is needed for this: ${run.error.message}`);
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout) as PythonsView;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
