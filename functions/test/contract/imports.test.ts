import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';

test('the contract imports nothing but itself, so that both halves can', async () => {
  const folder = new URL('../../contract/', import.meta.url);
  for (const file of await readdir(folder)) {
    const source = await readFile(new URL(file, folder), 'utf8');
    for (const [, from] of source.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gm))
      assert.match(from!, /^\.\/[A-Za-z]+\.ts$/, `${file} imports ${from}`);
  }
});
