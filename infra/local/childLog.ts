import { createWriteStream, existsSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** At the start, a log larger than this is moved aside to `….log.1`; bytes. */
const ROTATE_AT = 10_000_000;

/** The log of one child: `{data}/logs/{name}.log`, and the terminal for what a person must see. */
export interface ChildLog {
  readonly path: string;
  /** Takes a line of output; a loud one also goes to the terminal with the child's name before it. */
  line(text: string, loud: boolean): void;
  close(): Promise<void>;
}

/** Opens the log of the child `name` in the directory of logs. */
export function openChildLog(directory: string, name: string, terminal: (line: string) => void): ChildLog {
  const path = join(directory, `${name}.log`);
  if (existsSync(path) && statSync(path).size > ROTATE_AT) renameSync(path, `${path}.1`);
  const file = createWriteStream(path, { flags: 'a' });
  file.on('error', (error) => terminal(`[${name}] The log cannot be written: ${error.message}`));
  return {
    path,
    line(text, loud) {
      file.write(`${new Date().toISOString()} ${text}\n`);
      if (loud) terminal(`[${name}] ${text}`);
    },
    close: () => new Promise((resolve) => file.end(resolve)),
  };
}
