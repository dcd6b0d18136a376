/** A mail as an application posts it in JSON: what may stand in it, and what is wrong with one, field by field. */
import { z } from 'zod';
import { addressProblem } from '../contract/mailAddress.ts';
import { domainInAscii } from '../mail/addressKey.ts';
import { readAddressList } from '../mail/addressList.ts';
import { Refusal } from './problems.ts';
import { MAX_RECIPIENTS } from './requestEnvelope.ts';

/** An address with the name to show for it. */
export interface NamedAddress {
  readonly address: string;
  readonly name: string;
}

const MAX_ATTACHMENTS = 250;
const MAX_HEADERS = 50;
/** Longest text in a header, in characters: subject, names, header values. */
const MAX_LINE = 998;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a header
const ONE_LINE = /^[^\x00-\x08\x0a-\x1f\x7f]*$/;
const line = z.string().max(MAX_LINE).regex(ONE_LINE, 'expected one line without control characters');

const addressSchema = z.union(
  [
    line.describe('`bob@contoso.com` or `Bob <bob@contoso.com>`'),
    z.strictObject({ address: line, name: line.optional() }),
  ],
  'expected an address: a string, or an object with address and name',
);
const addressesSchema = z
  .union([z.array(addressSchema).max(MAX_RECIPIENTS), addressSchema], 'expected an address or a list of addresses')
  .describe('One address, several in one string separated by commas, or a list.');

/**
 * Header fields that an application may add: `X-…`, and those that say something about a mail and decide nothing about
 * where it goes or how it is read.
 */
const FREE_HEADERS = [
  'In-Reply-To',
  'References',
  'Message-ID',
  'Auto-Submitted',
  'Precedence',
  'Organization',
  'Keywords',
  'Comments',
  'Sensitivity',
  'Disposition-Notification-To',
  'Return-Receipt-To',
  'List-Unsubscribe',
  'List-Unsubscribe-Post',
  'List-Id',
];
const HEADER_NAME = new RegExp(`^(?:x-[a-z0-9-]{1,70}|${FREE_HEADERS.join('|').toLowerCase()})$`);

const attachmentSchema = z.strictObject({
  name: z.string().min(1).max(255).describe('File name as the reader sees it. Folders before it are dropped.'),
  contentType: z
    .string()
    .max(255)
    .regex(/^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+(?:\s*;\s*[a-z0-9-]+=(?:"[^"\\\r\n]*"|[^\s;"]+))*$/i, {
      error: 'expected a media type such as application/pdf',
    })
    .default('application/octet-stream'),
  contentBase64: z.string().describe('The bytes, in base64 (RFC 4648 section 4).').meta({ contentEncoding: 'base64' }),
  contentId: z
    .string()
    .max(255)
    .regex(/^[^\s<>]+$/, 'expected an id without angle brackets and blanks')
    .optional()
    .describe('Makes it an inline image that html shows by `cid:`.'),
});

/** What `POST /api/messages` takes as `application/json`. */
export const jsonMailSchema = z.strictObject({
  from: addressSchema.optional().describe('Who sends. Without it the default sender of the relay does.'),
  to: addressesSchema.optional(),
  cc: addressesSchema.optional(),
  bcc: addressesSchema.optional(),
  replyTo: addressesSchema.optional(),
  subject: line.default(''),
  text: z.string().optional(),
  html: z.string().optional(),
  headers: z
    .record(z.string(), line)
    .optional()
    .describe(
      `\`X-…\` or one of ${FREE_HEADERS.join(', ')}. A read receipt is asked for by Disposition-Notification-To.`,
    ),
  importance: z.enum(['low', 'normal', 'high']).default('normal'),
  attachments: z.array(attachmentSchema).max(MAX_ATTACHMENTS).default([]),
});

/** A posted mail that can be sent. */
export interface JsonMail {
  readonly from: NamedAddress | undefined;
  readonly to: readonly NamedAddress[];
  readonly cc: readonly NamedAddress[];
  readonly bcc: readonly NamedAddress[];
  readonly replyTo: readonly NamedAddress[];
  readonly subject: string;
  readonly text: string | undefined;
  readonly html: string | undefined;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
  readonly importance: 'low' | 'normal' | 'high';
  readonly attachments: readonly JsonAttachment[];
}

export interface JsonAttachment {
  readonly name: string;
  readonly contentType: string;
  readonly content: Buffer;
  readonly contentId: string | undefined;
}

/** Something wrong with one field, named as JavaScript would: `attachments[0].contentType`. */
interface FieldError {
  readonly field: string;
  readonly problem: string;
}

/** Reads a posted mail; refuses with 400 what is no JSON and with 422, naming every field, what is no mail. */
export function readJsonMail(bytes: Buffer): JsonMail {
  const result = jsonMailSchema.safeParse(parseJson(bytes));
  if (!result.success) throw wrongFields(result.error.issues.map(fieldError));
  const errors: FieldError[] = [];
  const posted = result.data;
  const addresses = (field: 'from' | 'to' | 'cc' | 'bcc' | 'replyTo') => readAddresses(posted[field], field, errors);
  const [from, ...moreSenders] = addresses('from');
  if (moreSenders.length > 0) errors.push({ field: 'from', problem: 'holds more than one address' });
  const [to, cc, bcc, replyTo] = [addresses('to'), addresses('cc'), addresses('bcc'), addresses('replyTo')];
  const recipients = to.length + cc.length + bcc.length;
  if (recipients === 0 && errors.length === 0)
    errors.push({ field: 'to', problem: 'names no recipient, nor do cc and bcc' });
  if (recipients > MAX_RECIPIENTS)
    errors.push({
      field: 'to',
      problem: `with cc and bcc holds ${recipients} recipients; Exchange takes ${MAX_RECIPIENTS}`,
    });
  const headers = Object.entries(posted.headers ?? {}).map(([key, value]) => ({ key, value }));
  if (headers.length > MAX_HEADERS) errors.push({ field: 'headers', problem: `holds more than ${MAX_HEADERS} fields` });
  for (const { key } of headers)
    if (!HEADER_NAME.test(key.toLowerCase()))
      errors.push({
        field: `headers[${JSON.stringify(key.slice(0, 80))}]`,
        problem: 'is not a header that can be set here',
      });
  const attachments = posted.attachments.map(({ contentBase64, name, contentType, contentId }, i) => {
    const content = decodeBase64(contentBase64);
    if (!content) errors.push({ field: `attachments[${i}].contentBase64`, problem: 'is not base64' });
    return { name: fileName(name), contentType, content: content ?? Buffer.alloc(0), contentId };
  });
  if (errors.length > 0) throw wrongFields(errors);
  const { subject, text, html, importance } = posted;
  return { from, to, cc, bcc, replyTo, subject, text, html, headers, importance, attachments };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // What the parser says may hold a piece of the mail.
    throw new Refusal('bad-request', 'The body is not a JSON text in UTF-8.');
  }
}

function fieldError({
  path,
  message,
}: {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}): FieldError {
  const field = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step).slice(0, 80)}`)).join('');
  return { field: field.replace(/^\./, '') || 'body', problem: message };
}

function wrongFields(errors: readonly FieldError[]): Refusal {
  const shown = errors.slice(0, 20);
  const sentence = shown
    .slice(0, 3)
    .map(({ field, problem }) => `${field}: ${problem}`)
    .join('; ');
  const more = errors.length > 3 ? `; and ${errors.length - 3} more` : '';
  return new Refusal('unprocessable-message', `${sentence}${more}.`, { errors: shown });
}

type PostedAddress = z.infer<typeof addressSchema>;

function readAddresses(
  posted: PostedAddress | PostedAddress[] | undefined,
  field: string,
  errors: FieldError[],
): NamedAddress[] {
  const list = posted === undefined ? [] : Array.isArray(posted) ? posted : [posted];
  return list.flatMap((entry, i) => {
    const where = Array.isArray(posted) ? `${field}[${i}]` : field;
    const read =
      typeof entry === 'string' ? fromText(entry) : [{ address: entry.address.trim(), name: entry.name ?? '' }];
    if (!read) errors.push({ field: where, problem: 'is not a list of addresses' });
    return (read ?? []).map(({ address, name }) => {
      const ascii = inAscii(address);
      const problem = addressProblem(ascii);
      if (problem) errors.push({ field: where, problem: `${JSON.stringify(address.slice(0, 100))}: ${problem}` });
      return { address: ascii, name };
    });
  });
}

function fromText(text: string): NamedAddress[] | undefined {
  const entries = readAddressList(text)?.entries;
  return entries?.map(({ address, displayName, text }) => ({
    // An entry without an address is refused as the address it should have been.
    address: address ?? text,
    name: displayName.replace(/^"(.*)"$/, '$1').replace(/\\(.)/g, '$1'),
  }));
}

/** An international domain in the form that mail carries (RFC 5891); the local part is left alone. */
function inAscii(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? address : address.slice(0, at + 1) + domainInAscii(address.slice(at + 1));
}

/** The last segment of whatever path, on one line. Nothing is ever stored under it. */
function fileName(name: string): string {
  const last = name.split(/[/\\]/).findLast((segment) => segment.trim() !== '') ?? 'attachment';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a header
  return last.replace(/[\x00-\x1f\x7f]+/g, ' ').trim() || 'attachment';
}

function decodeBase64(text: string): Buffer | undefined {
  const compact = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  const content = Buffer.from(compact, 'base64');
  // Node skips what is no base64; comparing lengths finds that without a second copy.
  const padding = compact.endsWith('==') ? 2 : compact.endsWith('=') ? 1 : 0;
  const full = compact.length % 4 === 0 && content.length === (compact.length / 4) * 3 - padding;
  return full && !/[-_]/.test(compact) ? content : undefined;
}
