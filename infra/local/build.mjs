// Bundles both halves: dist/functions.cjs (package.json "main", the file that Azure runs) with dist/mimeThread.cjs, the thread
// that it starts, and the edge listener's one file.
import './requireNode.mjs';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { build } = await import('esbuild');
const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: { functions: 'functions/startup.ts', mimeThread: 'functions/delivery/large/mimeThread.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // A CommonJS file does not know its own URL under this name.
  banner: { js: "'use strict';\nconst bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'bundleUrl' },
  // The host provides this module; it is in no package.
  external: ['@azure/functions-core'],
  sourcemap: true,
  logLevel: 'warning',
  write: false,
}).catch(() => process.exit(1)); // esbuild has said why.
for (const { path, contents } of outputFiles) {
  // A relay that runs may load this file at any moment: never half a file, and nothing new where nothing changed.
  if (existsSync(path) && readFileSync(path).equals(contents)) continue;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, contents);
  renameSync(`${path}.new`, path);
}
const edge = spawnSync(process.execPath, ['build.mjs'], { cwd: `${root}edge-listener`, stdio: 'inherit' });
process.exit(edge.status ?? 1);
