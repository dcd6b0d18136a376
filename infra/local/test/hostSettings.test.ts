import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectionString, resolveSettings } from '../functions-runtime/appSettings.ts';
import { readHostSettings, timeSpanMs } from '../functions-runtime/hostSettings.ts';
import { createPollingDelay } from '../functions-runtime/pollingDelay.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

test("the app's own host.json is honoured", () => {
  const { routePrefix, queues } = readHostSettings(fileURLToPath(new URL('../../../', import.meta.url)));
  assert.equal(routePrefix, 'api');
  assert.equal(queues.maxPollingIntervalMs, 1000);
  assert.equal(queues.visibilityTimeoutSeconds, 60);
  assert.equal(queues.maxDequeueCount, 5);
  assert.equal(queues.messageEncoding, 'base64');
});

test('what host.json leaves out has the defaults of the host', async () => {
  const { path, remove } = await temporaryDirectory();
  writeFileSync(join(path, 'host.json'), '{"version":"2.0"}');
  assert.deepEqual(readHostSettings(path), {
    routePrefix: 'api',
    queues: {
      maxPollingIntervalMs: 60_000,
      visibilityTimeoutSeconds: 0,
      batchSize: 16,
      newBatchThreshold: 8,
      maxDequeueCount: 5,
      messageEncoding: 'base64',
    },
  });
  await remove();
});

test('time spans are read as .NET writes them', () => {
  assert.equal(timeSpanMs('00:00:01'), 1000);
  assert.equal(timeSpanMs('1.02:03:04.5'), 93_784_500);
  assert.equal(timeSpanMs(250), 250);
  assert.throws(() => timeSpanMs('1 minute'), /not a time span/);
});

test('%NAME% is the app setting NAME; one that is missing is named', () => {
  assert.equal(resolveSettings('%A%-poison', { A: 'work' }), 'work-poison');
  assert.throws(() => resolveSettings('%A%', {}), /the setting A is missing/);
  assert.equal(connectionString(undefined, { AzureWebJobsStorage: 'x' }), 'x');
  assert.throws(
    () => connectionString('MailStorage', {}),
    /The setting MailStorage holds no storage connection string/,
  );
});

test('an empty queue is looked at less and less often, and often again after work', () => {
  const delay = createPollingDelay(1000, () => 0.5);
  const pauses = () => Array.from({ length: 6 }, () => delay.next());
  assert.deepEqual(pauses(), [100, 200, 300, 500, 900, 1000]);
  delay.reset();
  assert.deepEqual(pauses(), [100, 200, 300, 500, 900, 1000]);
  for (let i = 0; i < 5000; i++) assert.ok(delay.next() <= 1000);
});
