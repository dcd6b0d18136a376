// `npm run callers` as an administrator runs it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { windowsCommand } from '../../administration/callersFile.ts';
import { type CommandOptions, changeCallers, NotFound, UsageError } from '../../administration/changeCallers.ts';
import { callersSchema, findCallerByKey } from '../../wiring/callers.ts';

const PROGRAM = fileURLToPath(new URL('../../administration/callers.ts', import.meta.url));

function run(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { env, timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

const keyIn = (text: string) => /relay_[\w-]{43}/.exec(text)?.[0] ?? '';
const callersIn = (text: string) =>
  Object.entries(callersSchema.parse(JSON.parse(text))).map(([name, rules]) => ({ ...rules, name }));

test('a caller is added, rotated without a gap, and revoked; its keys are shown once and never kept', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'callers-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'callers.json');
  const callers = (...args: string[]) => run([...args, '--file', file]);
  const nameOf = async (key: string) => findCallerByKey(callersIn(await readFile(file, 'utf8')), key)?.name;

  const added = await callers('add', 'erp', '--sender', '*@contoso.com', '--recipient', '*', '--rate', '60');
  const first = keyIn(added.stdout);
  assert.equal(added.code, 0, added.stderr);
  assert.equal(await nameOf(first), 'erp');
  const second = keyIn((await callers('rotate', 'erp')).stdout);
  assert.deepEqual([await nameOf(first), await nameOf(second)], ['erp', 'erp']);
  const listed = (await callers('list')).stdout;
  assert.match(
    listed,
    /^erp: keys [0-9a-f]{8} [0-9a-f]{8} \(oldest first\) · sends as \*@contoso\.com · to \* · 60 a minute$/m,
  );
  assert.equal((await callers('revoke', 'erp', '--old')).code, 0);
  assert.deepEqual([await nameOf(first), await nameOf(second)], [undefined, 'erp']);
  const kept = await readFile(file, 'utf8');
  assert.ok(!kept.includes(first) && !kept.includes(second) && !listed.includes(second));
  assert.equal((await callers('revoke', 'erp', '--all')).code, 0);
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), {});
});

test('what is wrong with a command is said, and nothing is changed', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'callers-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'callers.json');
  await writeFile(file, '{}');
  const rules = ['--sender', '*', '--recipient', '*'];
  for (const [args, code] of [
    [['add', 'erp'], 64],
    [['add', 'ERP 1', ...rules], 64],
    [['add', 'erp', '--sender', 'nobody', '--recipient', '*'], 64],
    [['add', 'erp', ...rules, '--application', 'x'], 64],
    [['rotate', 'erp'], 2],
    [['revoke', 'erp', '--old'], 2],
    [['remove', 'erp'], 64],
    [['list', '--app', 'x'], 64],
    [['list', '--app', 'x', '--group', 'y'], 64],
  ] as const) {
    const { code: actual, stderr } = await run([...args, '--file', file]);
    assert.equal(actual, code, `${args.join(' ')}: ${stderr}`);
    assert.notEqual(stderr, '');
  }
  assert.equal(await readFile(file, 'utf8'), '{}');
});

test('a caller never loses its last key, or all it has, by a word too few', () => {
  const rules = { keyHashes: ['ab'.repeat(32)], applicationIds: [], senders: ['*'], recipients: ['*'] };
  const callers = { erp: rules };
  const wrong: [string[], CommandOptions, typeof UsageError][] = [
    [['revoke', 'erp'], {}, UsageError],
    [['revoke', 'erp'], { hash: '' }, UsageError],
    [['revoke', 'erp'], { hash: 'ab' }, UsageError],
    [['revoke', 'erp'], { hash: 'abab' }, UsageError],
    [['revoke', 'erp'], { hash: 'cdcd' }, NotFound],
    [['revoke', 'erp'], { old: true, all: true }, UsageError],
    [['revoke', 'erp'], { all: true, rate: '1' }, UsageError],
    [['rotate', 'erp'], { old: true }, UsageError],
    [['list'], { hash: 'abab' }, UsageError],
    [['list', 'erp'], {}, UsageError],
    [['rotate', 'constructor'], {}, NotFound],
    [['revoke', 'toString'], { all: true }, NotFound],
    [['toString', 'erp'], {}, UsageError],
  ];
  for (const [words, options, error] of wrong)
    assert.throws(() => changeCallers(words, options, callers), error, words.join(' ') + JSON.stringify(options));
  const add = changeCallers(['add', 'constructor'], { sender: ['*'], recipient: ['*'] }, callers);
  assert.deepEqual(Object.keys(add.changed!), ['erp', 'constructor'], 'any name is a name');
  const byToken = { erp: { ...rules, applicationIds: ['33333333-3333-4333-8333-333333333333'] } };
  assert.deepEqual(changeCallers(['revoke', 'erp'], { hash: 'abab' }, byToken).changed?.erp?.keyHashes, []);
});

test('options that npm kept for itself are missed, not ignored', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'callers-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'callers.json');
  await writeFile(file, '{}');
  // What "npm run callers revoke erp --old" becomes.
  for (const [name, value] of [
    ['old', 'true'],
    ['max_bytes', '1000'],
  ]) {
    const { code, stderr } = await run(['list', '--file', file], { ...process.env, [`npm_config_${name}`]: value });
    assert.equal(code, 64);
    assert.match(stderr, /Put -- before the options/);
  }
});

test('a file that is to be provisioned, and an app that was changed, say what azd must be told', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'callers-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'callers.json');
  await writeFile(file, '{}');
  await chmod(file, 0o640);
  const { stdout } = await run(['add', 'erp', '--sender', "o'neil@contoso.com", '--recipient', '*', '--file', file]);
  const told = /azd env set RELAY_CALLERS '([^']*)'/.exec(stdout)?.[1] ?? '';
  assert.deepEqual(JSON.parse(told), JSON.parse(await readFile(file, 'utf8')));
  assert.equal((await stat(file)).mode & 0o777, 0o640, 'the file keeps its rights');
});

test('on Windows every word for az stands in quotes, and what would end them is refused', () => {
  assert.equal(windowsCommand('az', ['set', '@C:\\My files\\x.json']), 'az "set" "@C:\\My files\\x.json"');
  for (const arg of ['a" & calc', '%PATH%', 'a\nb']) assert.throws(() => windowsCommand('az', [arg]), /Windows/);
});

test('the callers of an app in Azure are changed through az', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'callers-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const settings = join(directory, 'app.json');
  await writeFile(settings, JSON.stringify([{ name: 'CALLERS', value: '{}' }]));
  // Stands where the Azure CLI would: lists the settings, or takes those of the file that it is given.
  const az = `#!${process.execPath}
const { readFileSync, writeFileSync } = require('node:fs');
const args = process.argv.slice(2);
if (!args.join(' ').includes('--name relay --resource-group mail')) process.exit(1);
if (args[3] === 'list') process.stdout.write(readFileSync(${JSON.stringify(settings)}));
else {
  const given = JSON.parse(readFileSync(args[args.indexOf('--settings') + 1].slice(1)));
  writeFileSync(${JSON.stringify(settings)}, JSON.stringify(Object.entries(given).map(([name, value]) => ({ name, value }))));
}`;
  await writeFile(join(directory, 'az'), az);
  await chmod(join(directory, 'az'), 0o755);
  const env = { ...process.env, PATH: `${directory}${delimiter}${process.env.PATH}` };
  const azure = (...args: string[]) => run([...args, '--app', 'relay', '--group', 'mail'], env);
  const { code, stdout, stderr } = await azure('add', 'erp', '--sender', '*', '--recipient', '*', '--json');
  assert.equal(code, 0, stderr);
  const [{ value }] = JSON.parse(await readFile(settings, 'utf8'));
  assert.equal(findCallerByKey(callersIn(value), JSON.parse(stdout).key)?.name, 'erp');
  assert.match(JSON.parse(stdout).effect, /next "azd provision".*azd env set RELAY_CALLERS/s);
  await writeFile(
    settings,
    JSON.stringify([{ name: 'CALLERS', value: '@Microsoft.KeyVault(VaultName=v;SecretName=c)' }]),
  );
  const vault = await azure('rotate', 'erp');
  assert.equal(vault.code, 1);
  assert.match(vault.stderr, /Key Vault/);
});
