// What every command has: options, a way to say things, and a usage line.
import { parseArgs } from 'node:util';

/** A wrong command line; the message says what is wrong with it. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export interface Options {
  /** Value of `--name VALUE`; undefined when it was not given. */
  text(name: string): string | undefined;
  /** Like {@link text}, but it has to be given. */
  needed(name: string): string;
  has(name: string): boolean;
  readonly words: readonly string[];
}

/** Reads `args`; `valued` options take a value, `flags` do not. `--json` is always known. */
export function readOptions(args: string[], valued: readonly string[], flags: readonly string[] = []): Options {
  const options = Object.fromEntries([
    ...valued.map((name) => [name, { type: 'string' }] as const),
    ...['json', ...flags].map((name) => [name, { type: 'boolean' }] as const),
  ]) as Record<string, { type: 'string' | 'boolean' }>;
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const text = (name: string) => parsed.values[name] as string | undefined;
  return {
    text,
    needed(name) {
      const value = text(name);
      if (!value) throw new UsageError(`--${name} is needed.`);
      return value;
    },
    has: (name) => parsed.values[name] === true,
    words: parsed.positionals,
  };
}

/** Writes a line of text, or the value as JSON when `--json` was given. */
export function say(options: Options, value: unknown, text: string | readonly string[]): void {
  const lines = options.has('json') ? [JSON.stringify(value)] : typeof text === 'string' ? [text] : text;
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** Rows as columns that line up. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}
