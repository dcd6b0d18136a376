// Makes dist/package: the whole of what is deployed. The bundle needs no node_modules, so none are there, and the
// package.json names no dependencies that anything could try to install.
import '../local/requireNode.mjs';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const target = join(root, 'dist/package');

const build = spawnSync(process.execPath, [join(root, 'infra/local/build.mjs')], { cwd: root, stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);

const { name, version, license, main } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
rmSync(target, { recursive: true, force: true });
mkdirSync(join(target, 'dist'), { recursive: true });
// The bundle, and the thread that it starts.
for (const file of [main, 'dist/mimeThread.cjs']) cpSync(join(root, file), join(target, file));
cpSync(join(root, 'host.json'), join(target, 'host.json'));
writeFileSync(
  join(target, 'package.json'),
  `${JSON.stringify({ name, version, license, private: true, main }, null, 2)}\n`,
);
