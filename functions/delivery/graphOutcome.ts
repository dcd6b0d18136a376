/**
 * What Graph's answers mean, as a table. Only 202 is success. What nobody understands is tried again; what may have been
 * sent although it looks like a failure is `ambiguous`, and the AMBIGUOUS_SEND policy decides about it.
 */

export type GraphOutcome =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'retry';
      readonly reason: string;
      readonly afterMs?: number;
      /**
       * - `throttled`: Graph has had enough of this mailbox for now; nothing was sent.
       * - `operator`: an administrator has to act (permission, licence, quota); nothing was sent, no sender is at fault.
       * - `ambiguous`: the mail may have been sent.
       * - `refused`: not sent, and worth another try.
       */
      readonly class: 'throttled' | 'operator' | 'ambiguous' | 'refused';
    }
  | {
      readonly kind: 'reject';
      readonly code: string;
      readonly reason: string;
      /** The mailbox is at fault, not the mail: another one could send it. */
      readonly mailboxAtFault?: boolean;
      /** Too large for one request, not for the mailbox: the draft path may take it. */
      readonly tooLarge?: boolean;
    };

/** An HTTP answer of Graph, read to its end. */
export interface GraphAnswer {
  readonly status: number;
  /** `error.code` of the body; empty when there is none. */
  readonly code: string;
  /** `error.message` of the body, cut; empty when there is none. */
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

type Verdict = 'reject' | 'mailbox' | 'operator' | 'throttled' | 'tooLarge' | 'ambiguous';

/** Graph's and Exchange's own codes (Graph: "Error responses and resource types"; Exchange: EWS ResponseCode). */
export const BY_CODE: Readonly<Record<string, Verdict>> = {
  ErrorMimeContentInvalidBase64String: 'reject',
  ErrorMimeContentInvalid: 'reject',
  ErrorInvalidRecipients: 'reject',
  ErrorSendAsDenied: 'mailbox',
  ErrorInvalidUser: 'mailbox',
  Request_ResourceNotFound: 'mailbox',
  ResourceNotFound: 'mailbox',
  MailboxNotEnabledForRESTAPI: 'mailbox',
  MailboxNotSupportedForRESTAPI: 'mailbox',
  ErrorMessageBlocked: 'reject',
  ErrorExceededMaxRecipientLimit: 'reject',
  ErrorMessageSizeExceeded: 'tooLarge',
  InvalidAuthenticationToken: 'operator',
  ErrorAccessDenied: 'operator',
  Authorization_RequestDenied: 'operator',
  ErrorAccountSuspend: 'operator',
  ErrorExceededMessageLimit: 'operator',
  ErrorExceededHourlyMessageLimit: 'operator',
  ErrorQuotaExceeded: 'operator',
  ApplicationThrottled: 'throttled',
  TooManyRequests: 'throttled',
  InvalidInternetMessageHeader: 'reject',
  InvalidInternetMessageHeaderCollection: 'reject',
  ErrorAttachmentSessionIsSupportedOnlyForFileAttachments: 'reject',
  ErrorAttachmentSizeShouldNotBeLessThanMinimumSize: 'reject',
  // The service failed, whatever the status says.
  ErrorServerBusy: 'ambiguous',
  ErrorInternalServerError: 'ambiguous',
  UnknownError: 'ambiguous',
  CommandConcurrencyLimitReached: 'ambiguous',
};

const NO_TOKEN = 'NoToken';

const BY_STATUS: Readonly<Record<number, Verdict>> = {
  401: 'operator',
  403: 'operator',
  413: 'tooLarge',
  429: 'throttled',
  507: 'operator',
  509: 'throttled',
};

/** The meaning of an answer to `sendMail` (https://learn.microsoft.com/graph/api/user-sendmail): only 202 is success. */
export function outcomeOfSend(answer: GraphAnswer): GraphOutcome {
  if (answer.status === 202) return { kind: 'accepted' };
  // Graph was seen to answer 200 to a message that it found too large and did not send.
  if (answer.status === 200) return { ...rejection(answer, 'MessageTooLarge'), tooLarge: true };
  // Another success that nobody has described: it may be one.
  if (answer.status > 200 && answer.status < 300)
    return { kind: 'retry', class: 'ambiguous', reason: `HTTP ${answer.status}: ${meaningOf(answer.status)}` };
  return outcomeOfCall(answer);
}

/** The meaning of an answer that is not the success its call was to bring. */
export function outcomeOfCall(answer: GraphAnswer): GraphOutcome {
  const { status, code, message, retryAfterMs } = answer;
  const retry = (outcome: 'throttled' | 'operator' | 'ambiguous' | 'refused'): GraphOutcome => ({
    kind: 'retry',
    class: outcome,
    reason: `${code || `HTTP ${status}`}: ${message || meaningOf(status)}`,
    ...(retryAfterMs === undefined ? {} : { afterMs: retryAfterMs }),
  });
  switch (verdictOf(answer)) {
    case 'reject':
      return rejection(answer, code);
    case 'mailbox':
      return { ...rejection(answer, code), mailboxAtFault: true };
    case 'tooLarge':
      return { ...rejection(answer, code || 'MessageTooLarge'), tooLarge: true };
    case 'operator':
      return retry('operator');
    case 'throttled':
      return retry('throttled');
    case 'ambiguous':
      return retry('ambiguous');
    default:
      return retry('refused');
  }
}

/** What the status says of itself comes first: 429 is no failure of the service, and of 5xx only two are known as none. */
function verdictOf({ status, code, message }: GraphAnswer): Verdict | undefined {
  if (status === 429) return 'throttled';
  if (status >= 500) return BY_STATUS[status] ?? 'ambiguous';
  return /maximum request length/i.test(message) ? 'tooLarge' : (BY_CODE[code] ?? BY_STATUS[status]);
}

function rejection({ status, message }: GraphAnswer, code: string): Extract<GraphOutcome, { kind: 'reject' }> {
  return { kind: 'reject', code, reason: message || meaningOf(status) };
}

/** There is no access token: an administrator has to look at the identity. */
export class NoTokenError extends Error {
  constructor(cause: unknown) {
    super(`No access token for Graph: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'NoTokenError';
  }
}

const NEVER_REACHED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The TLS handshake failed (Node's and OpenSSL's codes): an inspecting proxy, a wrong clock. Nothing was sent. */
const NOT_TRUSTED = /^(?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** The meaning of no answer at all: a request that never left is safe to repeat, any other may have been carried out. */
export function outcomeOfNoAnswer(error: unknown): GraphOutcome {
  if (error instanceof NoTokenError)
    return { kind: 'retry', class: 'operator', reason: `${NO_TOKEN}: ${error.message.slice(0, 500)}` };
  const cause = rootCause(error);
  const { code, syscall } = cause as { code?: unknown; syscall?: unknown };
  const name = typeof code === 'string' ? code : '';
  const unreached =
    NEVER_REACHED.has(name) || NOT_TRUSTED.test(name) || syscall === 'connect' || syscall === 'getaddrinfo';
  const reason = `No answer from Graph: ${name} ${cause.message}`.replace('  ', ' ').trim();
  return { kind: 'retry', class: unreached ? 'refused' : 'ambiguous', reason };
}

function rootCause(error: unknown): Error {
  let cause = error instanceof Error ? error : new Error(String(error));
  while (cause.cause instanceof Error) cause = cause.cause;
  // Happy eyeballs: fetch reports one error per address that it tried.
  const first = cause instanceof AggregateError ? (cause.errors[0] as unknown) : undefined;
  return first instanceof Error ? first : cause;
}

function meaningOf(status: number): string {
  if (status === 413) return 'Graph took the message for too large to be sent in one request.';
  if (status >= 200 && status < 300) return `Graph answered ${status} where only 202 means that it took the mail.`;
  return `Graph answered ${status} and gave no reason.`;
}
