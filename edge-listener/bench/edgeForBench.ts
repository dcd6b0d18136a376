// The bundled edge, taking mail that nobody fetches.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Contender } from './bench.ts';

export async function startEdgeForBench(directory: string): Promise<Contender> {
  const home = join(directory, 'edge');
  mkdirSync(home, { recursive: true });
  const config = join(home, 'edge.yaml');
  const settings = {
    name: 'bench',
    spool: { directory: './spool', minFreeBytes: 0 },
    relay: { url: 'http://127.0.0.1:9' },
    maxMessageBytes: 150_000_000,
    listeners: [{ host: '127.0.0.1', port: 0, clients: ['127.0.0.1'] }],
    limits: { connectionsPerAddress: 0 },
  };
  writeFileSync(config, JSON.stringify(settings));
  const bundle = fileURLToPath(new URL('../dist/edge-listener.cjs', import.meta.url));
  // Postfix writes its log into a file; so does this one.
  const log = join(home, 'edge.log');
  const out = openSync(log, 'w');
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=2', '--max-old-space-size=1024', bundle, 'start', '--config', config],
    {
      env: { ...process.env, RELAY_KEY: 'bench' },
      stdio: ['ignore', out, 'inherit'],
    },
  );
  closeSync(out);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const events = () =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as { event: string; port?: number });
  while (!events().some(({ event }) => event === 'edge.ready')) {
    if (child.exitCode !== null) throw new Error('The edge did not start.');
    await sleep(50);
  }
  const { port = 0 } = events().find(({ event }) => event === 'edge.listening')!;
  return {
    name: 'edge',
    port,
    pid: child.pid!,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}
