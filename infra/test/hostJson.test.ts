import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

type Json = string | number | boolean | Json[] | { [name: string]: Json };
type Shape = ((value: Json) => boolean) | { readonly [name: string]: Shape };

const time = (value: Json) => typeof value === 'string' && /^\d\d:\d\d:\d\d(?:\.\d+)?$/.test(value);
const whole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (value: Json) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
const oneOf =
  (...values: Json[]) =>
  (value: Json) =>
    values.includes(value);
const text = (value: Json) => typeof value === 'string';
const yesOrNo = oneOf(true, false);
const level = oneOf('Trace', 'Debug', 'Information', 'Warning', 'Error', 'Critical', 'None');
const levels = (value: Json) => typeof value === 'object' && Object.values(value).every((each) => level(each));

/** The parts of host.json version 2.0 that a relay may want (Azure Functions: "host.json reference"). */
const HOST_JSON: Shape = {
  version: oneOf('2.0'),
  telemetryMode: oneOf('OpenTelemetry'),
  functionTimeout: time,
  extensionBundle: {
    id: oneOf('Microsoft.Azure.Functions.ExtensionBundle'),
    version: (value) => typeof value === 'string' && /^\[\d+\.\*, \d+\.0\.0\)$/.test(value),
  },
  extensions: {
    http: { routePrefix: text, maxOutstandingRequests: whole(-1), maxConcurrentRequests: whole(-1) },
    queues: {
      maxPollingInterval: time,
      visibilityTimeout: time,
      batchSize: whole(1, 32),
      newBatchThreshold: whole(0),
      maxDequeueCount: whole(1),
      messageEncoding: oneOf('base64', 'none'),
    },
  },
  logging: {
    logLevel: levels,
    console: { isEnabled: yesOrNo },
    applicationInsights: { samplingSettings: { isEnabled: yesOrNo, excludedTypes: text }, enableLiveMetrics: yesOrNo },
  },
};

/** Where a value is not of the shape, as paths. */
function misfits(value: Json, shape: Shape, path = 'host.json'): string[] {
  if (typeof shape === 'function') return shape(value) ? [] : [`${path}: ${JSON.stringify(value)}`];
  if (typeof value !== 'object' || Array.isArray(value)) return [`${path}: expected an object`];
  return Object.entries(value).flatMap(([name, item]) => {
    const inner = shape[name];
    return inner ? misfits(item, inner, `${path}.${name}`) : [`${path}.${name}: unknown`];
  });
}

describe('host.json', () => {
  const host = JSON.parse(readFileSync('host.json', 'utf8')) as Record<string, Json>;

  test('holds only what the host knows, in the form that it knows', () => {
    assert.deepEqual(misfits(host, HOST_JSON), []);
    assert.deepEqual(misfits({ ...host, functionTimeout: '30 min', queues: {} }, HOST_JSON), [
      'host.json.functionTimeout: "30 min"',
      'host.json.queues: unknown',
    ]);
  });

  test('has the timing that the relay counts on', () => {
    const { queues } = host.extensions as { queues: Record<string, Json> };
    assert.equal(queues.maxPollingInterval, '00:00:01');
    assert.equal(queues.visibilityTimeout, '00:01:00');
    assert.equal(queues.maxDequeueCount, 5);
    assert.equal(queues.messageEncoding, 'base64');
  });

  test('samples nothing away', () => {
    const { applicationInsights } = host.logging as {
      applicationInsights?: { samplingSettings?: { isEnabled: Json } };
    };
    assert.ok(host.telemetryMode === 'OpenTelemetry' || applicationInsights?.samplingSettings?.isEnabled === false);
  });
});
