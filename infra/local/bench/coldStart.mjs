// What a cold start spends in our code: loading the bundle that Azure runs, and starting telemetry with the first mail.
// Times are medians of fresh processes, in milliseconds of processor time, which other work on the machine hardly changes.
// Ends with 1 where a bound is passed. Build first, then:  node infra/local/bench/coldStart.mjs
import '../requireNode.mjs';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RUNS = 9;
/** The Functions worker warns of an entry file that takes a second; telemetry must not be felt beside it. */
const BOUNDS = {
  'load the bundle, ms': 1000,
  'start telemetry to Azure Monitor, ms': 300,
  'start telemetry by OTLP, ms': 300,
};

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { build } = await import('esbuild');
const directory = mkdtempSync(join(tmpdir(), 'cold-start-'));
const bundle = join(root, 'dist/functions.cjs');
const telemetry = join(directory, 'telemetry.cjs');
try {
  await build({
    absWorkingDir: root,
    entryPoints: ['functions/wiring/telemetry/telemetry.ts'],
    outfile: telemetry,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    logLevel: 'warning',
  });
  const required = `const began = cpu(); const loaded = require(process.argv[1]);`;
  const started = `${required} const { env } = process;
    const before = cpu();
    loaded.createTelemetry({ APPLICATIONINSIGHTS_CONNECTION_STRING: env.CONNECTION }, env).start().then(() => say(cpu() - before));`;
  const say =
    'const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; }; const say = (ms) => { process.stdout.write("\\n" + ms); process.exit(0); };';
  const figures = {
    'bundle, kB': Math.round(statSync(bundle).size / 1000),
    'load the bundle, ms': median(bundle, `${say} ${required} say(cpu() - began);`, {
      GRAPH_CREDENTIAL: 'none',
      MailStorage: 'UseDevelopmentStorage=true',
    }),
    'load telemetry, ms': median(telemetry, `${say} ${required} say(cpu() - began);`, {}),
    'start telemetry to Azure Monitor, ms': median(telemetry, `${say} ${started}`, {
      CONNECTION: 'InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=https://127.0.0.1:9/',
    }),
    'start telemetry by OTLP, ms': median(telemetry, `${say} ${started}`, {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    }),
  };
  console.log(JSON.stringify(figures, null, 2));
  for (const [name, most] of Object.entries(BOUNDS)) {
    if (figures[name] <= most) continue;
    console.error(`${name}: ${figures[name]}, and at most ${most} are allowed.`);
    process.exitCode = 1;
  }
} finally {
  rmSync(directory, { recursive: true });
}

/** @returns the median of what `script` says, in whole milliseconds */
function median(file, script, env) {
  const times = Array.from({ length: RUNS }, () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, file], {
      env: { PATH: process.env.PATH, TMPDIR: directory, ...env },
      encoding: 'utf8',
      timeout: 20_000,
    });
    const said = Number(stdout.split('\n').at(-1));
    if (!(said > 0)) throw new Error(`${file} said nothing of its time: ${stdout}${stderr}`);
    return said;
  });
  return Math.round(times.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)]);
}
