import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BY_CODE, outcomeOfNoAnswer, outcomeOfSend } from '../../delivery/graphOutcome.ts';

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

const TOO_LONG = 'The maximum request length supported is 4MB.';

/** Status, code, what becomes of the mail, and the message where it matters. */
const ANSWERS: readonly (readonly [number, string, string, string?])[] = [
  [202, '', 'accepted'],
  [400, 'ErrorMimeContentInvalidBase64String', 'reject'],
  [400, 'ErrorMimeContentInvalid', 'reject'],
  [400, 'ErrorInvalidRecipients', 'reject'],
  [400, 'BadRequest', 'tooLarge', TOO_LONG],
  [413, '', 'tooLarge'],
  [200, '', 'tooLarge'],
  [400, 'ErrorMessageSizeExceeded', 'tooLarge'],
  [400, 'InvalidInternetMessageHeader', 'reject'],
  [400, 'InvalidInternetMessageHeaderCollection', 'reject'],
  [401, '', 'operator'],
  [401, 'InvalidAuthenticationToken', 'operator'],
  [403, 'ErrorAccessDenied', 'operator'],
  [403, 'Authorization_RequestDenied', 'operator'],
  [403, 'ErrorSendAsDenied', 'mailbox'],
  [404, 'MailboxNotEnabledForRESTAPI', 'mailbox'],
  [404, 'MailboxNotSupportedForRESTAPI', 'mailbox'],
  [404, 'ErrorInvalidUser', 'mailbox'],
  [404, 'Request_ResourceNotFound', 'mailbox'],
  [404, 'ResourceNotFound', 'mailbox'],
  [404, 'ErrorItemNotFound', 'refused'],
  [405, 'ErrorAttachmentSessionIsSupportedOnlyForFileAttachments', 'reject'],
  [400, 'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize', 'reject'],
  [403, 'ErrorExceededMessageLimit', 'operator'],
  [400, 'ErrorExceededMaxRecipientLimit', 'reject'],
  [403, 'ErrorExceededHourlyMessageLimit', 'operator'],
  [403, 'ErrorAccountSuspend', 'operator'],
  [400, 'ErrorMessageBlocked', 'reject'],
  [403, 'ErrorQuotaExceeded', 'operator'],
  [429, 'ApplicationThrottled', 'throttled'],
  [429, 'TooManyRequests', 'throttled'],
  [429, 'ErrorServerBusy', 'throttled'],
  [500, 'ErrorInternalServerError', 'ambiguous'],
  [502, '', 'ambiguous'],
  [503, 'ErrorServerBusy', 'ambiguous'],
  [504, 'UnknownError', 'ambiguous'],
  [400, 'ErrorServerBusy', 'ambiguous'],
  [400, 'ErrorInternalServerError', 'ambiguous'],
  [404, 'UnknownError', 'ambiguous'],
  [409, 'CommandConcurrencyLimitReached', 'ambiguous'],
  [500, 'ErrorSendAsDenied', 'ambiguous'],
  [404, 'ErrorNonExistentMailBox', 'refused'],
  [507, '', 'operator'],
  [509, '', 'throttled'],
  [520, '', 'ambiguous'],
  [599, '', 'ambiguous'],
  [201, '', 'ambiguous'],
  [204, '', 'ambiguous'],
  [302, '', 'refused'],
  [308, '', 'refused'],
  [418, '', 'refused'],
  [400, 'ErrorOfTomorrow', 'refused'],
];

for (const [status, code, meaning, message = ''] of ANSWERS)
  test(`${status} ${code} ${message} means ${meaning}`, () => {
    const outcome = outcomeOfSend({ status, code, message, retryAfterMs: undefined });
    const special = outcome.kind === 'reject' && (outcome.tooLarge ? 'tooLarge' : outcome.mailboxAtFault && 'mailbox');
    assert.equal(special || (outcome.kind === 'retry' ? outcome.class : outcome.kind), meaning);
  });

test('every code that the relay knows has its row here', () => {
  const rows = new Set(ANSWERS.map(([, code]) => code));
  assert.deepEqual(
    Object.keys(BY_CODE).filter((code) => !rows.has(code)),
    [],
  );
});
