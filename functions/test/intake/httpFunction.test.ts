// With streaming switched on, a function whose handler throws never answers: here every one answers.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HttpRequest } from '@azure/functions';
import { newMessageId } from '../../contract/messageId.ts';

test('HTTP functions are registered in one place, the one that catches what they throw', () => {
  const files = globSync('functions/**/*.ts', { exclude: ['functions/test/**'] });
  assert.ok(files.length > 50);
  const registering = files.filter((file) =>
    /\bapp\s*\.\s*(?:http|get|put|post|patch|deleteRequest)\b/.test(readFileSync(file, 'utf8')),
  );
  assert.deepEqual(registering, ['functions/intake/httpFunction.ts']);
});

test('whatever a handler throws, even nothing, becomes a problem document', async () => {
  // The settings are read when the module is loaded.
  Object.assign(process.env, { MailStorage: 'x', GRAPH_CREDENTIAL: 'none' });
  const { answering } = await import('../../intake/httpFunction.ts');
  const id = newMessageId();
  for (const thrown of [undefined, null, '', 'text', new Error('x'), Object.create(null)]) {
    const handler = answering('test', () => Promise.reject(thrown));
    const request = new HttpRequest({
      method: 'PUT',
      url: 'http://127.0.0.1/',
      params: { id },
      body: { string: 'rest' },
    });
    const { status, body } = await handler(request);
    assert.equal(status, 503);
    assert.deepEqual([JSON.parse(String(body)).status, JSON.parse(String(body)).id], [503, id]);
  }
});
