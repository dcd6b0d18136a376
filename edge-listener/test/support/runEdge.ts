// An edge in this process, with a fake function app behind it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '../../src/config/configSchema.ts';
import { type Edge, startEdge } from '../../src/edge.ts';
import type { EdgeEvents } from '../../src/events.ts';

/** An event as a test sees it. */
export interface SeenEvent {
  readonly event: keyof EdgeEvents;
  readonly fields: Record<string, unknown>;
}

export interface TestEdge {
  readonly port: number;
  readonly ports: number[];
  readonly spool: string;
  readonly events: SeenEvent[];
  seen(event: keyof EdgeEvents): SeenEvent[];
  stop(): Promise<void>;
}

/** A new directory, and its removal. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'edge-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Starts an edge; `overrides` are merged over a configuration that serves loopback. */
export async function runEdge(
  relayUrl: string,
  spool: string,
  { listener = {}, ...overrides }: { listener?: object; [name: string]: unknown } = {},
): Promise<TestEdge> {
  const config = configSchema.parse({
    name: 'test-edge',
    relay: { url: relayUrl },
    listeners: [{ host: '127.0.0.1', port: 0, clients: ['127.0.0.0/8'], ...listener }],
    ...overrides,
    spool: { minFreeBytes: 0, ...(overrides.spool as object | undefined), directory: spool },
  });
  const events: SeenEvent[] = [];
  const edge: Edge = await startEdge(config, 'test-key', (event, fields) =>
    events.push({ event, fields: { ...fields } }),
  );
  const seen = (event: keyof EdgeEvents) => events.filter((e) => e.event === event);
  const ports = seen('edge.listening').map((e) => e.fields.port as number);
  return { port: ports[0]!, ports, spool, events, seen, stop: () => edge.stop('test') };
}
