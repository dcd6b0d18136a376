// `npm run bench -- NAME [ARGUMENTS]`: the benchmarks, each a program of its own. Run them on a machine that does nothing else.
import '../requireNode.mjs';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BENCHES = {
  edge: [
    'edge-listener/bench/bench.ts',
    'durable accepts per second, CPU and memory beside Postfix (needs root and apt)',
  ],
  'cold-start': ['infra/local/bench/coldStart.mjs', 'size and load time of the deployed bundle'],
  'storage-operations': ['infra/local/bench/storageOperations.ts', 'BYTES: requests to storage that one mail costs'],
  'large-mail': [
    'functions/test/delivery/large/memoryBench.ts',
    'BYTES COUNT: peak memory of a worker with large mail',
  ],
};

const root = fileURLToPath(new URL('../../../', import.meta.url));
const [name = '', ...rest] = process.argv.slice(2);
if (!Object.hasOwn(BENCHES, name)) {
  console.error('Usage: npm run bench -- NAME');
  for (const [each, [, what]] of Object.entries(BENCHES)) console.error(`  ${each.padEnd(20)} ${what}`);
  process.exit(64);
}
const build = spawnSync(process.execPath, [`${root}infra/local/build.mjs`], { stdio: 'inherit' });
if (build.status !== 0) process.exit(1);
process.exit(spawnSync(process.execPath, [root + BENCHES[name][0], ...rest], { stdio: 'inherit' }).status ?? 1);
