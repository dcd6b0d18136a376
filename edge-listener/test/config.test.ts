// What is wrong with a configuration: all of it at once.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfig } from '../src/config/readConfig.ts';
import { hashPassword, passwordHashProblem } from '../src/policy/passwordHash.ts';
import { temporaryDirectory } from './support/runEdge.ts';

const { path, remove } = temporaryDirectory();
after(remove);

const LISTENER = { host: '0.0.0.0', port: 25, clients: ['192.168.10.0/24'] };
const RELAY = { url: 'https://relay.example' };

function problemsOf(
  listeners: object[],
  { environment = { RELAY_KEY: 'x' }, ...more }: { environment?: NodeJS.ProcessEnv; [name: string]: unknown } = {},
): readonly string[] {
  const file = join(path, 'edge.yaml');
  writeFileSync(file, JSON.stringify({ name: 'a', spool: { directory: 's' }, relay: RELAY, listeners, ...more }));
  const reading = readConfig(file, environment);
  return reading.ok ? [] : reading.problems;
}

test('a wrong field hides neither what fields ask of each other nor the environment', () => {
  assert.deepEqual(problemsOf([{ ...LISTENER, port: 70000, tls: 'starttls' }], { environment: {} }), [
    'listeners[0].port: expected a whole number from 0 to 65535; got 70000',
    'listeners[0].certificate: expected a certificate for tls: starttls; got nothing',
    'environment variable RELAY_KEY: expected the key of this edge; got nothing',
  ]);
});

test('a wrong field does not hide a certificate that is not there', () => {
  const certificate = { certificateFile: 'none.pem', keyFile: 'none.key' };
  const problems = problemsOf([{ ...LISTENER, port: 'x', tls: 'auto' }], { certificate });
  assert.equal(problems.length, 2);
  assert.match(problems[1]!, /^certificate: expected a certificate and its key in PEM; got .*none\.pem, .*ENOENT/);
});

for (const network of ['0.0.0.0/0', '::/0', '128.0.0.0/1']) {
  const open = { ...LISTENER, clients: ['10.0.0.0/8', network] };
  test(`${network} may connect only where something limits what it may send`, () => {
    assert.match(problemsOf([open]).join(), /^listeners\[0\]\.clients: .*got .*, which makes an open relay$/);
    assert.match(problemsOf([{ ...open, senders: ['*'] }]).join(), /open relay/);
    assert.deepEqual(problemsOf([{ ...open, senders: ['@contoso.com'] }]), []);
    const rule = problemsOf([{ ...open, legacyTls: true, senders: ['@contoso.com'] }]);
    assert.ok(
      rule.some((problem) => /^listeners\[0\]\.legacyTls: expected clients to name the networks/.test(problem)),
    );
  });
}

test('rules of a listener', () => {
  assert.deepEqual(problemsOf([{ ...LISTENER, legacyTls: true, auth: 'optional' }]), [
    'listeners[0].legacyTls: expected tls to be other than none; got true',
    'listeners[0].auth: expected tls other than none, or authBeforeTls: true to take passwords in the clear; got "optional"',
    'users: expected at least one user for auth: optional of listeners[0]; got nothing',
  ]);
  assert.match(problemsOf([LISTENER, LISTENER]).join(), /^listeners\[1\]\.port: expected a port no other listener/);
});

test('names of users are told apart, and only hashes that can be computed are taken', async () => {
  const passwordHash = await hashPassword('x');
  const users = ['a', 'b', 'a'].map((name) => ({ name, passwordHash }));
  assert.deepEqual(problemsOf([LISTENER], { users }), ['users[2].name: expected a name no other user has']);
  const [, ...rest] = passwordHash.split('$').slice(1);
  for (const N of ['16383', '10000', '1024.5', '512', '2097152', 'NaN'])
    assert.ok(passwordHashProblem(['scrypt', N, ...rest].join('$')), N);
});

test('a proxy counts only where it is on the way to the relay', () => {
  const problems = (environment: NodeJS.ProcessEnv) =>
    problemsOf([LISTENER], { environment: { RELAY_KEY: 'x', ...environment } });
  assert.deepEqual(problems({ HTTPS_PROXY: 'proxy' }), [
    'environment variable HTTPS_PROXY: expected the URL of a proxy',
  ]);
  assert.deepEqual(problems({ HTTP_PROXY: 'proxy' }), [], 'it is for http://');
  for (const NO_PROXY of ['*', 'localhost, relay.example', '.example', '*.example:443'])
    assert.deepEqual(problems({ HTTPS_PROXY: 'proxy', NO_PROXY }), [], NO_PROXY);
  for (const NO_PROXY of ['elay.example', 'relay.example:8443', 'other'])
    assert.equal(problems({ HTTPS_PROXY: 'proxy', NO_PROXY }).length, 1, NO_PROXY);
});
