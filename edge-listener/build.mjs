// Bundles the edge listener into one file that runs with Node alone: no node_modules beside it.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { version } = JSON.parse(readFileSync(here('package.json'), 'utf8'));

await build({
  entryPoints: [here('src/main.ts')],
  outfile: here('dist/edge-listener.cjs'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // Node's four threads for files are one too few for fifty devices whose mail is synced at once.
  banner: { js: "#!/usr/bin/env node\nprocess.env.UV_THREADPOOL_SIZE ??= '16';" },
  define: { EDGE_VERSION: JSON.stringify(version) },
  sourcemap: 'linked',
  logLevel: 'warning',
});
