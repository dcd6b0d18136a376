// The edge as it is installed, in a process of its own, so that its memory and its clock are its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { hashPassword } from '../src/policy/passwordHash.ts';
import { writeCertificate } from '../test/support/testCertificate.ts';

export interface BundledEdge {
  readonly port: number;
  /** How often each event happened; what was too slow also by its reason. */
  readonly counts: ReadonlyMap<string, number>;
  readonly isRunning: () => boolean;
  /** Resident memory, in bytes, as the edge itself tells. */
  memory(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts `dist/edge-listener.cjs` with everything on that an attacker could try. */
export async function startBundledEdge(relayUrl: string, directory: string): Promise<BundledEdge> {
  const config = `${directory}/edge.yaml`;
  const settings = {
    name: 'stress-edge',
    relay: { url: relayUrl },
    spool: { directory: 'spool', minFreeBytes: 0 },
    certificate: writeCertificate(directory),
    listeners: [
      { host: '127.0.0.1', port: 0, clients: ['127.0.0.0/8'], tls: 'auto', auth: 'optional', authBeforeTls: true },
    ],
    users: [{ name: 'u', passwordHash: await hashPassword('right') }],
    limits: { connectionsPerAddress: 0 },
    operations: { port: 0 },
    maxMessageBytes: 1_000_000,
  };
  writeFileSync(config, JSON.stringify(settings)); // JSON is YAML
  const bundle = fileURLToPath(new URL('../dist/edge-listener.cjs', import.meta.url));
  const edge = spawn(
    process.execPath,
    ['--max-semi-space-size=2', '--max-old-space-size=1024', bundle, 'start', '--config', config],
    {
      env: { ...process.env, RELAY_KEY: 'test-key', MALLOC_ARENA_MAX: '2' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const counts = new Map<string, number>();
  const ports = new Map<string, number>();
  const ready = Promise.withResolvers<void>();
  edge.once('exit', () => ready.reject(new Error('The edge did not start.')));
  createInterface(edge.stdout).on('line', (line) => {
    const { event, reason, port } = JSON.parse(line) as { event: string; reason?: string; port?: number };
    for (const name of event === 'edge.tooSlow' ? [event, `${event}: ${reason}`] : [event])
      counts.set(name, (counts.get(name) ?? 0) + 1);
    if (port !== undefined) ports.set(event, port);
    if (event === 'edge.ready') ready.resolve();
  });
  await ready.promise;
  const isRunning = () => edge.exitCode === null && edge.signalCode === null;
  return {
    port: ports.get('edge.listening')!,
    counts,
    isRunning,
    async memory() {
      const response = await fetch(`http://127.0.0.1:${ports.get('edge.operations')}/metrics`);
      return Number(/^edge_resident_memory_bytes (\d+)$/m.exec(await response.text())?.[1]);
    },
    async stop() {
      if (!isRunning()) return;
      edge.kill('SIGTERM');
      await once(edge, 'exit');
    },
  };
}
