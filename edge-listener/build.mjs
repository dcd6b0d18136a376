// Bundles the edge listener into one file that runs with Node alone: no node_modules beside it.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { version } = JSON.parse(readFileSync(here('package.json'), 'utf8'));

const needNode = `{
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 18)) {
    process.stderr.write('The edge listener needs Node 22.18 or newer; this is ' + process.version + '. See nodejs.org.\\n');
    process.exit(1);
  }
}`;

await build({
  entryPoints: [here('src/main.ts')],
  outfile: here('dist/edge-listener.cjs'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // On an old Node the rest may fail in ways that tell nobody why; Node 18 parses it all the same.
  // Node's four threads for files are one too few for fifty devices whose mail is synced at once.
  banner: { js: `#!/usr/bin/env node\n${needNode}\nprocess.env.UV_THREADPOOL_SIZE ??= '8';` },
  define: { EDGE_VERSION: JSON.stringify(version) },
  sourcemap: 'linked',
  logLevel: 'warning',
});
