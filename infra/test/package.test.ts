import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { registeredFunctions } from './registeredFunctions.ts';

const MB = 1_000_000;
/** The bundle is read and compiled at every cold start. */
const LARGEST_BUNDLE = 8 * MB;

describe('The deployment package', () => {
  const alone = mkdtempSync(join(tmpdir(), 'relay-package-'));
  before(() => {
    const made = spawnSync(process.execPath, ['infra/hooks/makePackage.mjs'], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    cpSync('dist/package', alone, { recursive: true });
  });
  after(() => rmSync(alone, { recursive: true }));

  test('is the bundle, host.json and a package.json, and nothing else', () => {
    const files = globSync('**/*', { cwd: alone }).filter((file) => statSync(join(alone, file)).isFile());
    assert.deepEqual(files.toSorted(), ['dist/functions.cjs', 'dist/mimeThread.cjs', 'host.json', 'package.json']);
    assert.deepEqual(readFileSync(join(alone, 'host.json')), readFileSync('host.json'));
  });

  test('names the bundle and leaves nothing to install', () => {
    const manifest = JSON.parse(readFileSync(join(alone, 'package.json'), 'utf8')) as Record<string, unknown>;
    assert.equal(manifest.main, 'dist/functions.cjs');
    assert.deepEqual(
      Object.keys(manifest).filter((key) => /dependencies|scripts/i.test(key)),
      [],
    );
  });

  test('is small', (t) => {
    const { size } = statSync(join(alone, 'dist/functions.cjs'));
    t.diagnostic(`dist/functions.cjs: ${size} bytes`);
    assert.ok(size < LARGEST_BUNDLE, `${size} bytes`);
  });

  test('holds no local key and no path of the machine that built it', () => {
    const bundle = readFileSync(join(alone, 'dist/functions.cjs'), 'utf8');
    assert.ok(!bundle.includes(process.cwd()));
    assert.ok(!bundle.includes('local-dev-key'));
  });

  test('loads on its own, with no package beside it, and registers every function', () => {
    const script = `
      const registered = [];
      const core = {
        Disposable: class {},
        version: '4.0.0',
        setProgrammingModel() {},
        registerFunction: ({ name }) => registered.push(name),
        registerHook: () => ({ dispose() {} }),
        log() {},
      };
      const { Module } = require('node:module');
      const load = Module._load;
      Module._load = (id, ...rest) => (id === '@azure/functions-core' ? core : load(id, ...rest));
      require(process.argv[1]);
      console.log('REGISTERED ' + registered.join());
      process.exit();`;
    const run = spawnSync(process.execPath, ['-e', script, join(alone, 'dist/functions.cjs')], {
      cwd: alone,
      encoding: 'utf8',
      timeout: 30_000,
      env: {
        PATH: process.env.PATH,
        MailStorage__blobServiceUri: 'https://mail.example',
        MailStorage__queueServiceUri: 'https://mail.example',
        GRAPH_CLIENT_ID: '00000000-0000-4000-8000-000000000000',
      },
    });
    const registered = /^REGISTERED (.*)$/m.exec(run.stdout)?.[1]?.split(',');
    assert.deepEqual(registered?.toSorted(), registeredFunctions().toSorted(), run.stderr);
  });

  test('is what .funcignore lets through, too', () => {
    const rules = readFileSync('.funcignore', 'utf8')
      .split('\n')
      .filter((line) => line && !line.startsWith('#'));
    const bundles = ['!dist/functions.cjs', '!dist/mimeThread.cjs'];
    assert.deepEqual(rules, ['*', '!host.json', '!package.json', '!dist/', 'dist/*', ...bundles]);
  });
});

describe('azd', () => {
  const require = createRequire(import.meta.url);
  const yaml = readFileSync('azure.yaml', 'utf8');

  test('finds the app by its tag and every script that it runs', () => {
    assert.match(readFileSync('infra/modules/functionApp.bicep', 'utf8'), /'azd-service-name': 'relay'/);
    assert.match(yaml, /^services:\n {2}relay:$/m);
    const scripts = [...yaml.matchAll(/run: node (\S+?) \}/g)].map(([, script]) => script!);
    assert.equal(scripts.length, 6);
    for (const script of scripts) assert.ok(require.resolve(join(process.cwd(), script)));
  });

  test('stops before provisioning when a setting is wrong, and names the variable', () => {
    const run = (env: Record<string, string>) =>
      spawnSync(process.execPath, ['infra/hooks/checkSettings.mjs'], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH, ...env },
      });
    const wrong = run({ RELAY_AMBIGUOUS_SEND: 'maybe', RELAY_CALLERS: '{"edge":{"keyHashes":["secret"]}}' });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /- RELAY_AMBIGUOUS_SEND: /);
    assert.match(wrong.stderr, /- RELAY_CALLERS\.edge\.keyHashes/);
    assert.doesNotMatch(wrong.stderr, /secret/);
    const empty = run({});
    assert.equal(empty.status, 0, empty.stderr);
    assert.match(empty.stderr, /Nobody may submit mail yet/);
    assert.equal(run({ RELAY_CALLERS: '{"edge":{"senders":["*"],"recipients":["*"]}}' }).stderr, '');
  });
});
