// One executable with Node inside, for machines without Node: npm run build:executable
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'postject';

const bundle = fileURLToPath(new URL('../dist/edge-listener.cjs', import.meta.url));
const target = fileURLToPath(
  new URL(
    `../dist/edge-listener-${process.platform}-${process.arch}${process.platform === 'win32' ? '.exe' : ''}`,
    import.meta.url,
  ),
);
const work = mkdtempSync(join(tmpdir(), 'edge-executable-'));
try {
  const blob = join(work, 'edge.blob');
  const config = join(work, 'sea.json');
  writeFileSync(
    config,
    JSON.stringify({
      main: bundle,
      output: blob,
      disableExperimentalSEAWarning: true,
      execArgv: ['--max-semi-space-size=2', '--max-old-space-size=1024'],
    }),
  );
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  copyFileSync(process.execPath, target);
  chmodSync(target, 0o755);
  await inject(target, 'NODE_SEA_BLOB', readFileSync(blob), {
    sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2',
    ...(process.platform === 'darwin' ? { machoSegmentName: 'NODE_SEA' } : {}),
  });
  process.stdout.write(`${target}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
