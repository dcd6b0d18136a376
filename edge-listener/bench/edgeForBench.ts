// The bundled edge, taking mail that nobody fetches.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
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
  const child = spawn(process.execPath, ['--max-semi-space-size=4', bundle, 'start', '--config', config], {
    env: { ...process.env, RELAY_KEY: 'bench' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let port = 0;
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('The edge did not start.')));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as { event: string; port?: number };
      if (event.event === 'edge.listening') port = event.port!;
      if (event.event === 'edge.ready') resolve();
    });
  });
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
