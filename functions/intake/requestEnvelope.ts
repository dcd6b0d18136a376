/** Who gets the mail: the envelope header of the request, or what the message's own header says. */
import { decodeEnvelope, type Envelope } from '../contract/envelope.ts';
import { addressProblem } from '../contract/mailAddress.ts';
import { ENVELOPE_HEADER } from '../contract/relayProtocol.ts';
import { addressKey } from '../mail/addressKey.ts';
import { entriesOf, hasUnreadable } from '../mail/chooseSender.ts';
import type { HeaderBlock } from '../mail/headerBlock.ts';
import { Refusal } from './problems.ts';

/** Most recipients of one mail (Exchange Online's recipient limit of a message). */
export const MAX_RECIPIENTS = 500;

/** The envelope in the request's header; undefined when there is none. Refuses one that cannot be read or used. */
export function envelopeOf(request: { readonly headers: { get(name: string): string | null } }): Envelope | undefined {
  const text = request.headers.get(ENVELOPE_HEADER);
  if (text === null) return undefined;
  const reading = decodeEnvelope(text);
  if (reading.ok) return reading.envelope;
  const extensions = reading.addresses ? { addresses: reading.addresses } : {};
  throw new Refusal(reading.status === 400 ? 'bad-request' : 'unprocessable-message', reading.detail, extensions);
}

/** The envelope of a PUT, which must have one. */
export function requiredEnvelope(request: Parameters<typeof envelopeOf>[0]): Envelope {
  const envelope = envelopeOf(request);
  if (envelope) return envelope;
  throw new Refusal('bad-request', `The ${ENVELOPE_HEADER} header is missing: it says who gets the mail.`);
}

/** What an application means that posts a message without an envelope: everybody in To, Cc and Bcc. */
export function envelopeFromHeader(header: HeaderBlock): Envelope {
  const unreadable = ['to', 'cc', 'bcc'].filter((name) => hasUnreadable(header, name));
  if (unreadable.length > 0)
    throw new Refusal(
      'unprocessable-message',
      `These fields cannot be read as address lists: ${unreadable.join(', ')}.`,
    );
  const entries = ['to', 'cc', 'bcc'].flatMap((name) => entriesOf(header, name));
  const bad = entries.filter(({ address }) => address === undefined || addressProblem(address) !== undefined);
  if (bad.length > 0)
    throw new Refusal('unprocessable-message', `To, Cc or Bcc hold ${bad.length} entries that are no addresses.`, {
      addresses: bad.slice(0, 10).map(({ text }) => text.slice(0, 100)),
    });
  const to = entries.map(({ address }) => address!);
  if (to.length === 0) throw new Refusal('unprocessable-message', 'To, Cc and Bcc name no recipient.');
  const envelope = appEnvelope(to);
  if (envelope.to.length > MAX_RECIPIENTS)
    throw new Refusal(
      'unprocessable-message',
      `To, Cc and Bcc hold ${envelope.to.length} recipients; Exchange takes ${MAX_RECIPIENTS}. Send it as several mails.`,
    );
  return envelope;
}

/** The envelope of a mail that an application composed: no device, no edge, each recipient once. */
export function appEnvelope(to: readonly string[]): Envelope {
  const client = { address: '', helo: '', user: '', tls: '' };
  const once = [...new Map(to.map((address) => [addressKey(address), address])).values()];
  return { v: 1, from: '', to: once, receivedAt: '', edge: '', client };
}
