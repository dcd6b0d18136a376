// `npm run test:corpus -- DIR`: runs the corpus test over a folder of .eml files.
import '../requireNode.mjs';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [directory, ...rest] = process.argv.slice(2);
if (!directory || rest.length > 0 || !existsSync(directory)) {
  console.error('Usage: npm run test:corpus -- DIR, a folder with .eml files in it (or below it).');
  process.exit(64);
}
const root = fileURLToPath(new URL('../../../', import.meta.url));
const build = spawnSync(process.execPath, [`${root}infra/local/build.mjs`], { stdio: 'inherit' });
if (build.status !== 0) process.exit(1);
const test = spawnSync(process.execPath, ['--test', `${root}infra/local/corpus/corpus.test.ts`], {
  stdio: 'inherit',
  env: { ...process.env, CORPUS_DIRECTORY: resolve(directory) },
});
process.exit(test.status ?? 1);
