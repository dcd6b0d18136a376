import { addressProblem } from './mailAddress.ts';

/** Most characters an encoded envelope may have: a header has to fit into Node's 16 kB for all of them. */
export const MAX_ENVELOPE_LENGTH = 8000;
/** The name and version of the SMTP client and user are cut at this many characters before they are sent. */
export const MAX_CLIENT_TEXT_LENGTH = 255;

/** Who handed the message to the edge, for the record only: nothing here is proof of anything. */
export interface EnvelopeClient {
  readonly address: string;
  readonly helo: string;
  readonly user: string;
  readonly tls: string;
}

/** The SMTP envelope (RFC 5321 section 2.3.1) as the edge received it. `to` decides alone who gets the mail. */
export interface Envelope {
  readonly v: 1;
  /** Reverse-path; empty for the null sender `<>`. */
  readonly from: string;
  /** Forward-paths, at least one, as the client spelt them. */
  readonly to: readonly string[];
  /** When the edge had the whole message, ISO 8601. */
  readonly receivedAt: string;
  /** The edge's configured name. */
  readonly edge: string;
  readonly client: EnvelopeClient;
}

/** What came of reading an envelope: the envelope, or the HTTP status and sentence to refuse it with. */
export type EnvelopeReading =
  | { readonly ok: true; readonly envelope: Envelope }
  | { readonly ok: false; readonly status: 400 | 422; readonly detail: string; readonly addresses?: readonly string[] };

/** The value of the `x-relay-envelope` header: base64url of the JSON, without padding. May exceed the limit: check. */
export function encodeEnvelope(envelope: Envelope): string {
  const bytes = new TextEncoder().encode(JSON.stringify(envelope));
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/**
 * Reads an `x-relay-envelope` header. Unknown fields are ignored, so a newer edge may add some; a version other than 1
 * is refused. 400 means the header is broken, 422 that it is well formed but names no, or an impossible, recipient.
 */
export function decodeEnvelope(header: string): EnvelopeReading {
  if (header.length > MAX_ENVELOPE_LENGTH)
    return broken(`x-relay-envelope has ${header.length} characters; at most ${MAX_ENVELOPE_LENGTH} are allowed.`);
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(header)) return broken('x-relay-envelope is not base64url.');
  let value: unknown;
  try {
    const binary = atob(header.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, ''));
    const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return broken('x-relay-envelope is not the base64url form of a JSON text in UTF-8.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return broken('x-relay-envelope is not a JSON object.');
  const { v, from, to, receivedAt, edge, client } = value as Record<string, unknown>;
  if (v !== 1) return broken(`x-relay-envelope has v ${shown(v)}; this relay reads v 1.`);
  if (typeof from !== 'string') return broken('x-relay-envelope.from is not a string ("" is the null sender).');
  if (!Array.isArray(to) || to.some((address) => typeof address !== 'string'))
    return broken('x-relay-envelope.to is not an array of strings.');
  if (receivedAt !== undefined && (typeof receivedAt !== 'string' || !isIsoTime(receivedAt)))
    return broken('x-relay-envelope.receivedAt is not an ISO 8601 time.');
  if (edge !== undefined && typeof edge !== 'string') return broken('x-relay-envelope.edge is not a string.');
  if (client !== undefined && (typeof client !== 'object' || client === null))
    return broken('x-relay-envelope.client is not an object.');
  const recipients = to as string[];
  if (recipients.length === 0) return { ok: false, status: 422, detail: 'The envelope names no recipient.' };
  if (from !== '') {
    const problem = addressProblem(from);
    if (problem) return impossible('sender', [[from, problem]]);
  }
  const bad = recipients.flatMap((address): [string, string][] => {
    const problem = addressProblem(address);
    return problem ? [[address, problem]] : [];
  });
  if (bad.length > 0) return impossible('recipient', bad);
  return {
    ok: true,
    envelope: {
      v: 1,
      from,
      to: recipients,
      receivedAt: receivedAt === undefined ? '' : new Date(receivedAt).toISOString(),
      edge: cut(edge),
      client: readClient(client as Record<string, unknown> | undefined),
    },
  };
}

/** Years of four digits only: the others have a form of their own that few readers know. */
function isIsoTime(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)) && /^\d{4}-/.test(new Date(text).toISOString())
  );
}

function readClient(client: Record<string, unknown> | undefined): EnvelopeClient {
  return { address: cut(client?.address), helo: cut(client?.helo), user: cut(client?.user), tls: cut(client?.tls) };
}

function cut(text: unknown): string {
  return typeof text === 'string' ? text.slice(0, MAX_CLIENT_TEXT_LENGTH) : '';
}

function broken(detail: string): EnvelopeReading {
  return { ok: false, status: 400, detail };
}

function impossible(role: 'sender' | 'recipient', bad: [string, string][]): EnvelopeReading {
  const list = bad.slice(0, 10).map(([address, problem]) => `${shown(address)}: ${problem}`);
  return {
    ok: false,
    status: 422,
    detail: `Not a possible ${role} address: ${list.join('; ')}${bad.length > 10 ? `; and ${bad.length - 10} more` : ''}.`,
    addresses: bad.map(([address]) => address),
  };
}

/** A value from outside, safe and short enough to be shown in a sentence. */
function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 100);
}
