// A message built to choke a parser ends in a mail that arrives, or in a failure that a person understands: soon, in
// little memory, and with no other mail waiting for it. Each is delivered by a process of its own.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { createGraphSandbox, type GraphSandbox } from '../../../../infra/local/graph-sandbox/graphSandbox.ts';
import type { BombReport } from './bombVictim.ts';
import { BOMBS } from './mailBombs.ts';

const source = (file: string) => fileURLToPath(new URL(file, import.meta.url));
/** Many times what the slowest takes. */
const MOST_MS = 90_000;
/** A process that delivers mail is to stay below this. */
const MOST_MB = 250;
/** What stands still this long holds up other mail; a busy machine alone takes a tenth of it. */
const LONGEST_PAUSE_MS = 2_000;

let directory: string;
let graph: GraphSandbox;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mail-bombs-'));
  // One file, as in production, and the thread that reads MIME beside it: what compiles sources takes memory too.
  await build({
    entryPoints: { victim: source('bombVictim.ts'), mimeThread: source('../../../delivery/large/mimeThread.ts') },
    outdir: directory,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'bundleUrl' },
    logLevel: 'warning',
  });
  graph = await createGraphSandbox({ port: 0, dataDir: directory });
});
after(async () => {
  await graph?.close();
  await rm(directory, { recursive: true, force: true });
});

async function deliver(what: string): Promise<BombReport> {
  const victim = fork(join(directory, 'victim.cjs'), [graph.url, what], { execArgv: [], timeout: MOST_MS });
  const ended = once(victim, 'exit');
  const [report] = await Promise.race([
    once(victim, 'message') as Promise<[BombReport]>,
    ended.then(([code, signal]) => {
      throw new Error(`The process ended without a report: ${signal ?? code}`);
    }),
  ]);
  await ended;
  return report;
}

for (const { what } of BOMBS)
  test(`a bomb ends within its bounds, and a small mail passes it: ${what}`, async (t) => {
    const report = await deliver(what);
    t.diagnostic(JSON.stringify(report));
    assert.equal(report.state, 'sent', report.reason);
    assert.equal(report.beside, 'sent');
    assert.ok(report.peakMb < MOST_MB, `${report.peakMb} MB`);
    assert.ok(report.longestPauseMs < LONGEST_PAUSE_MS, `stood still for ${report.longestPauseMs} ms`);
  });
