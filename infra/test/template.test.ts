import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { compiled, compiler, deployed, diagnostics, EVERYTHING, template } from './compiledTemplate.ts';
import { syntaxProblems } from './grammar.ts';

const FILES = globSync('infra/**/*.bicep');

describe('The Bicep files', () => {
  test('can be read by a grammar', async () => {
    assert.ok(FILES.length > 10);
    assert.deepEqual(await syntaxProblems('bicep', FILES), []);
  });

  test('describe every parameter of the main file, so that nobody has to guess', () => {
    const text = readFileSync('infra/main.bicep', 'utf8');
    const names = [...text.matchAll(/^param (\w+)/gm)].map(([, name]) => name);
    const described = [...text.matchAll(/@description\([^\n]+\n(?:@[^\n]+\n)*param (\w+)/g)].map(([, name]) => name);
    assert.deepEqual(
      names.filter((name) => name !== 'environmentName' && !described.includes(name)),
      [],
    );
    assert.ok(described.includes('environmentName'));
  });
});

describe('The compiled template', { skip: !compiler && 'there is no Bicep compiler on this machine' }, () => {
  test('builds and lints without a warning', (t) => {
    t.diagnostic(`Bicep from ${compiler?.source}: ${compiler?.run('--version').stdout.trim()}`);
    assert.equal(diagnostics, '');
    assert.ok(compiled);
    const lint = compiler?.run('lint', 'infra/main.bicep');
    assert.deepEqual([lint?.status, lint?.stderr.trim()], [0, '']);
  });

  test('takes every parameter from the azd environment, and nothing it does not know', () => {
    const file = JSON.parse(readFileSync('infra/main.parameters.json', 'utf8')) as {
      parameters: Record<string, { value: string }>;
    };
    assert.deepEqual(Object.keys(file.parameters).sort(), Object.keys(template?.parameters ?? {}).sort());
    for (const [name, { value }] of Object.entries(file.parameters)) {
      assert.match(value, /^\$\{(?:RELAY|AZURE)_[A-Z0-9_]+\}$/, name);
      // azd reads "${NAME}" of a list or object as JSON, and leaves an unset one to its default.
      const shouty = name.replace(/[A-Z]+/g, (letters) => `_${letters}`).toUpperCase();
      if (value.startsWith('${RELAY_')) assert.equal(value, `\${RELAY_${shouty}}`);
    }
  });

  test('needs nothing from its user but a name and a region', () => {
    const required = Object.entries(template?.parameters ?? {}).filter(
      ([, { defaultValue }]) => defaultValue === undefined,
    );
    assert.deepEqual(required.map(([name]) => name).sort(), ['environmentName', 'location']);
  });

  test('hands out no secret: no key is listed anywhere, and outputs hold addresses and ids', () => {
    assert.doesNotMatch(JSON.stringify(template), /list(?:Account)?(?:Keys|Sas|Secrets|ConnectionStrings)\s*\(/i);
    const { outputs } = deployed(EVERYTHING);
    assert.deepEqual(Object.keys(outputs).sort(), [
      'AZURE_FUNCTION_NAME',
      'AZURE_RESOURCE_GROUP',
      'RELAY_CLIENT_ID',
      'RELAY_IDENTITY_NAME',
      'RELAY_MAIL_ACCOUNT',
      'RELAY_PRINCIPAL_ID',
      'RELAY_URL',
    ]);
    assert.match(String(outputs.RELAY_URL), /^https:\/\/[^/]+$/);
    for (const value of Object.values(outputs))
      assert.doesNotMatch(String(value), /InstrumentationKey|AccountKey|sig=|keyHashes/i);
  });

  test('makes nothing optional unless asked', () => {
    const types = new Set(deployed().resources.map(({ type }) => type));
    for (const optional of [
      'Microsoft.KeyVault/vaults',
      'Microsoft.Network/virtualNetworks',
      'Microsoft.Network/privateEndpoints',
      'Microsoft.Insights/webtests',
      'Microsoft.Insights/actionGroups',
    ]) {
      assert.ok(!types.has(optional), optional);
      assert.ok(
        deployed(EVERYTHING).resources.some(({ type }) => type === optional),
        optional,
      );
    }
  });
});
