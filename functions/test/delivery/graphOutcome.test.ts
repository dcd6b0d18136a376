import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeOfNoAnswer } from '../../delivery/graphOutcome.ts';

const failure = (code: string, syscall?: string) =>
  new TypeError('fetch failed', { cause: Object.assign(new Error('why'), { code, ...(syscall && { syscall }) }) });
const classOf = (error: unknown) => {
  const outcome = outcomeOfNoAnswer(error);
  return outcome.kind === 'retry' && outcome.class;
};

for (const [code, syscall] of [
  ['ECONNREFUSED', 'connect'],
  ['ETIMEDOUT', 'connect'],
  ['ENOTFOUND', 'getaddrinfo'],
  ['EAI_AGAIN', 'getaddrinfo'],
  ['UND_ERR_CONNECT_TIMEOUT', undefined],
  ['CERT_HAS_EXPIRED', undefined],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', undefined],
  ['SELF_SIGNED_CERT_IN_CHAIN', undefined],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', undefined],
  ['ERR_TLS_CERT_ALTNAME_INVALID', undefined],
] as const)
  test(`${code} means that nothing was sent`, () => assert.equal(classOf(failure(code, syscall)), 'refused'));

for (const [code, syscall] of [
  ['ECONNRESET', 'read'],
  ['ETIMEDOUT', 'read'],
  ['UND_ERR_SOCKET', undefined],
  ['UND_ERR_HEADERS_TIMEOUT', undefined],
] as const)
  test(`${code}${syscall ? ` at ${syscall}` : ''} leaves open whether the mail was sent`, () =>
    assert.equal(classOf(failure(code, syscall)), 'ambiguous'));

test('a timeout of ours leaves it open too', () =>
  assert.equal(classOf(new DOMException('The operation was aborted due to timeout', 'TimeoutError')), 'ambiguous'));
