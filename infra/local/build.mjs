// Bundles both halves: dist/functions.cjs (package.json "main", the file that Azure runs) and the edge listener's one file.
import './requireNode.mjs';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { build } = await import('esbuild');
await build({
  absWorkingDir: root,
  entryPoints: ['functions/startup.ts'],
  outfile: 'dist/functions.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // The host provides this module; it is in no package.
  external: ['@azure/functions-core'],
  sourcemap: true,
  logLevel: 'warning',
});
const edge = spawnSync(process.execPath, ['build.mjs'], { cwd: `${root}edge-listener`, stdio: 'inherit' });
process.exit(edge.status ?? 1);
