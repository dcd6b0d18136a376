/** The names under which the code registers functions, from the files that register them. */
import { globSync, readFileSync } from 'node:fs';

export function registeredFunctions(): string[] {
  const names = globSync('functions/*.ts').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/(?:app\.\w+|\w+Function)\(\s*'(\w+)'/g)].map(([, name]) => name!),
  );
  if (!names.includes('acceptMessage')) throw new Error('Found no registered function: this check must be mended.');
  return names;
}
