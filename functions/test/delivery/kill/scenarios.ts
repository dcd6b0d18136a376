// Mails whose worker is killed: each with what Graph does to it, and what may come of it.
import type { Settings } from '../../../wiring/settings.ts';
import type { Fault } from '../large/largeRelay.ts';
import { binaryPart, container, message, scan, someBytes, textPart } from '../large/mailSamples.ts';

export type Policy = Settings['AMBIGUOUS_SEND'];
export const POLICIES: readonly Policy[] = ['resend', 'hold', 'check'];

export interface Scenario {
  readonly name: string;
  /** Those under which it is killed everywhere: all, where the policy has a say on its way. */
  readonly policies: readonly Policy[];
  readonly message: Buffer;
  /** The bytes of its attachments. */
  readonly attachments: readonly Buffer[];
  readonly env?: Record<string, string>;
  readonly faults: readonly Fault[];
  /** The first call of such a name is carried out, and its answer never comes. */
  readonly silence?: RegExp;
  /** What ails this worker alone, and not those that come after it. */
  readonly victim?: { readonly env?: Record<string, string>; readonly noToken?: true };
  /** An earlier attempt met the faults, and somebody cleared the mailbox: the worker finds the draft gone. */
  readonly draftGone?: true;
  /** Fewest moments that a delivery of it has: the loop must not shrink unnoticed. */
  readonly leastMoments: number;
  /** Whether two copies are what `resend` stands for when the worker dies at this moment (undefined: it lives). */
  doubles(moment: string | undefined): boolean;
  /** Whether `hold` leaves the mail to a person when the worker dies at this moment. */
  holds(moment: string | undefined): boolean;
  /** Drafts that stay in the mailbox: those that Graph refused to send. */
  readonly draftsLeft?: number;
}

const never = () => false;
const always = () => true;

const SMALL = Buffer.from(
  'From: scan@contoso.com\r\nTo: bob@contoso.com\r\nMessage-ID: <1@contoso.com>\r\nSubject: Scan\r\n\r\nbody\r\n',
);
/** Two ranges of an upload session. */
const BYTES = 4_000_000;
const ranges = { message: scan(BYTES), attachments: [someBytes(BYTES)] };

/** Small as it is, it goes as a draft: Graph has said so. */
const POSTED = [someBytes(20_000, 2), someBytes(30_000, 3)];
const posted = {
  attachments: POSTED,
  message: message(
    container('multipart/mixed', [
      textPart('Two pages.'),
      ...POSTED.map((bytes, page) =>
        binaryPart(bytes, `Content-Type: image/jpeg; name=page-${page}.jpg`, 'Content-Disposition: attachment'),
      ),
    ]),
  ),
};

const SENDMAIL = { method: 'POST', path: '/sendMail$' };
const SEND = { method: 'POST', path: '/send$' };
const RANGE = { method: 'PUT', path: 'attachmentSessions' };

/** Between the claim being written and `sent` being written, nobody else knows how far the worker came. */
const CLAIMED = new Set([
  'after replaceState sending',
  'before POST sendMail',
  'after POST sendMail',
  'before replaceState sent',
]);

export const SMALL_202: Scenario = {
  name: 'a small mail',
  policies: POLICIES,
  message: SMALL,
  attachments: [],
  faults: [],
  leastMoments: 14,
  doubles: (moment) => moment === 'after POST sendMail' || moment === 'before replaceState sent',
  holds: (moment) => moment !== undefined && CLAIMED.has(moment),
};

/** A draft tells what became of it, so no policy is asked: where one were, `hold` would hold the mail. */
const STRICT: readonly Policy[] = ['hold'];

export const POSTED_LARGE: Scenario = {
  name: 'a large mail whose attachments are posted',
  policies: STRICT,
  ...posted,
  faults: [],
  leastMoments: 26,
  doubles: never,
  holds: never,
};

export const DRAFT_GONE: Scenario = {
  name: 'a large mail whose draft is gone',
  policies: POLICIES,
  ...posted,
  faults: [{ ...SEND, status: 504 }],
  draftGone: true,
  leastMoments: 10,
  doubles: never,
  holds: always,
};

export const SMALL_SCENARIOS: readonly Scenario[] = [
  SMALL_202,
  {
    ...SMALL_202,
    name: 'a small mail that gets 504 and was not sent',
    faults: [{ ...SENDMAIL, status: 504 }],
    doubles: never,
    holds: always,
    leastMoments: 12,
  },
  {
    ...SMALL_202,
    name: 'a small mail that gets 504 and was sent',
    faults: [{ ...SENDMAIL, status: 504, after: true }],
    doubles: always,
    holds: always,
    leastMoments: 12,
  },
];

/** Large mail whose attachment goes up in two ranges of an upload session. */
export const UPLOAD_SCENARIOS: readonly Scenario[] = [
  { ...POSTED_LARGE, name: 'a large mail, in two ranges of an upload session', ...ranges },
];

/** Large mail whose attachments are small enough to be posted. */
export const DRAFT_SCENARIOS: readonly Scenario[] = [POSTED_LARGE, { ...DRAFT_GONE, policies: ['resend'] }];

/** The same ways once more, with another ending: `npm run torture:kills`. */
export const FURTHER_SCENARIOS: readonly Scenario[] = [
  {
    ...POSTED_LARGE,
    name: 'a large mail with a 429 in a range',
    ...ranges,
    faults: [{ ...RANGE, status: 429, code: 'ApplicationThrottled', retryAfter: 1 }],
  },
  {
    ...POSTED_LARGE,
    name: 'a large mail that gets 504 and was not sent',
    faults: [{ ...SEND, status: 504 }],
  },
  {
    ...POSTED_LARGE,
    name: 'a large mail that gets 504 and was sent',
    faults: [{ ...SEND, status: 504, after: true }],
  },
  { ...DRAFT_GONE, policies: ['hold', 'check'] },
  {
    ...POSTED_LARGE,
    name: 'a large mail that the fallback mailbox sends',
    env: { FALLBACK_MAILBOX: 'fallback@contoso.com' },
    faults: [{ ...SEND, path: 'scan@contoso.com/messages/.*/send$', status: 403, code: 'ErrorSendAsDenied', times: 9 }],
    draftsLeft: 1,
  },
];
