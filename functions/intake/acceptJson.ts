/** Accepts a mail that an application posts as JSON. */
import { createHash } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import type { AcceptedAnswer } from '../contract/relayProtocol.ts';
import type { Caller } from '../wiring/callers.ts';
import { acceptMessage, type IntakeOptions } from './acceptMessage.ts';
import { maxMessageBytes } from './callerRules.ts';
import { composeMail } from './composeMail.ts';
import { type JsonMail, readJsonMail } from './jsonMail.ts';
import { Refusal } from './problems.ts';
import { receiveBody } from './receiveBody.ts';
import { openRequestBody } from './requestBody.ts';
import { appEnvelope } from './requestEnvelope.ts';

/** JSON is held whole while it is read: larger mail is posted as message/rfc822, which streams. */
export const MAX_JSON_BYTES = 50_000_000;
/**
 * Bytes of JSON that one process holds at a time: each takes several times its size in memory. They are counted as they
 * come and after inflating, so that nobody holds room that it does not use, and gzip hides nothing.
 */
const MOST_HELD_BYTES = 100_000_000;

let held = 0;

/** Composes and accepts. The digest that tells a replay is that of the JSON text. */
export async function acceptJson(
  options: IntakeOptions,
  caller: Caller,
  id: string,
  request: HttpRequest,
): Promise<AcceptedAnswer> {
  const holding = { bytes: 0 };
  try {
    const { mail, sha256 } = await read(options, caller, request, holding);
    const recipients = [...mail.to, ...mail.cc, ...mail.bcc].map(({ address }) => address);
    return await acceptMessage(options, caller, {
      id,
      envelope: appEnvelope(recipients),
      composed: true,
      traceparent: request.headers.get('traceparent'),
      async receive(maxBytes, write, checkHeader) {
        const mime = composeMail(mail, id, options.settings.DEFAULT_SENDER);
        return { ...(await receiveBody(mime, maxBytes, write, checkHeader)), sha256 };
      },
    });
  } finally {
    held -= holding.bytes;
  }
}

async function read(
  { settings }: IntakeOptions,
  caller: Caller,
  request: HttpRequest,
  holding: { bytes: number },
): Promise<{ mail: JsonMail; sha256: string }> {
  // Base64 makes four bytes of three, and the rest of the mail is small beside its attachments.
  const mostBytes = Math.min(MAX_JSON_BYTES, Math.ceil((maxMessageBytes(settings, caller) * 4) / 3) + 100_000);
  const hash = createHash('sha256');
  const chunks: Uint8Array[] = [];
  for await (const chunk of openRequestBody(request, mostBytes, 'JSON text')) {
    holding.bytes += chunk.length;
    held += chunk.length;
    if (held > MOST_HELD_BYTES)
      throw new Refusal('unavailable', 'Much JSON is being read just now. Keep the mail and try again.');
    hash.update(chunk);
    chunks.push(chunk);
  }
  return { mail: readJsonMail(Buffer.concat(chunks)), sha256: hash.digest('hex') };
}
