import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readLocalSettings } from '../settings.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

test('the environment wins over local.settings.json, which wins over the sample', async () => {
  const { path, remove } = await temporaryDirectory();
  const write = (name: string, values: object) =>
    writeFileSync(join(path, name), JSON.stringify({ IsEncrypted: false, Values: values }));
  write('local.settings.sample.json', { A: 'sample', B: 'sample', C: 'sample' });
  assert.deepEqual(readLocalSettings(path, {}), { A: 'sample', B: 'sample', C: 'sample' });
  write('local.settings.json', { B: 'own', C: 'own' });
  assert.deepEqual(readLocalSettings(path, { C: 'environment', D: 'environment' }), {
    A: 'sample',
    B: 'own',
    C: 'environment',
    D: 'environment',
  });
  await remove();
});

test('a settings file that cannot be used is named in one sentence', async () => {
  const { path, remove } = await temporaryDirectory();
  const file = join(path, 'local.settings.json');
  writeFileSync(file, '{"Values":');
  assert.throws(() => readLocalSettings(path, {}), /local\.settings\.json is not valid JSON/);
  writeFileSync(file, '{"Values":{"MAX_INSTANCES":4}}');
  assert.throws(() => readLocalSettings(path, {}), /the value of MAX_INSTANCES must be a string/);
  await remove();
});
