// What the tests of the HTTP doors share: a message, an envelope, and the requests that carry them.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { encodeEnvelope } from '../../contract/envelope.ts';
import { type MessageStatus, PROBLEM_CONTENT_TYPE, PROBLEM_TYPE_BASE } from '../../contract/relayProtocol.ts';
import { LOCAL_KEY } from './runningRelay.ts';

export const SENDER = 'scan@contoso.com';

/** A small message; every call makes another. */
export function aMessage({ from = SENDER, to = 'bob@contoso.com', body = 'Hello\r\n' } = {}): Buffer {
  return Buffer.from(
    `From: ${from}\r\nTo: ${to}\r\nSubject: Scan\r\nMessage-ID: <${randomUUID()}@contoso.com>\r\n\r\n${body}`,
  );
}

export function anEnvelope(to: readonly string[] = ['bob@contoso.com'], from = SENDER): string {
  return encodeEnvelope({
    v: 1,
    from,
    to,
    receivedAt: new Date().toISOString(),
    edge: 'plant-7',
    client: { address: '192.0.2.7', helo: 'printer', user: '', tls: '' },
  });
}

export function digestOf(bytes: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
}

export type Headers = Readonly<Record<string, string | undefined>>;

/** The headers an edge sends with a message; `undefined` takes one out. */
export function edgeHeaders(body: Uint8Array, changes: Headers = {}): Record<string, string> {
  return present({
    authorization: `Bearer ${LOCAL_KEY}`,
    'content-type': 'message/rfc822',
    'content-digest': digestOf(body),
    'x-relay-envelope': anEnvelope(),
    ...changes,
  });
}

export function present(headers: Headers): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

/** One answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: globalThis.Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into many kinds of answers
  readonly json: any;
}

/** One request that gives up after `timeoutMs`. */
export async function send(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: RequestInit['body'],
  timeoutMs = 20_000,
): Promise<Answer> {
  const init = { method, headers, body: body ?? null, signal: AbortSignal.timeout(timeoutMs), duplex: 'half' };
  const response = await fetch(url, init as RequestInit);
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined;
  return { status: response.status, headers: response.headers, text, json };
}

/** Asserts a problem document of ours, and returns it. */
export function assertProblem(answer: Answer, status: number, name: string): Answer['json'] {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get('content-type'), PROBLEM_CONTENT_TYPE);
  assert.equal(answer.json.type, PROBLEM_TYPE_BASE + name, answer.text);
  assert.equal(answer.json.status, status);
  assert.ok(answer.json.title && answer.json.detail, answer.text);
  return answer.json;
}

/** Waits until `look` finds something; the tests' one way to wait. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, withinMs = 15_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadline, `Not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The requests of one caller to one relay. */
export function caller(relay: { readonly url: string; readonly inbox: string }, key = LOCAL_KEY) {
  const authorization = { authorization: `Bearer ${key}` };
  const urlOf = (id: string) => `${relay.url}/api/messages/${id}`;
  const put = (id: string, body: Uint8Array, changes: Headers = {}) =>
    send('PUT', urlOf(id), edgeHeaders(body, { ...authorization, ...changes }), body as Uint8Array<ArrayBuffer>);
  const get = (id: string) => send('GET', urlOf(id), authorization);
  const post = (body: Uint8Array | string, headers: Headers = {}) =>
    send(
      'POST',
      `${relay.url}/api/messages`,
      present({ ...authorization, 'content-type': 'message/rfc822', ...headers }),
      body as Uint8Array<ArrayBuffer>,
    );
  return {
    put,
    get,
    post,
    request: (method: string, path: string, headers: Headers = {}, body?: RequestInit['body']) =>
      send(method, relay.url + path, present({ ...authorization, ...headers }), body),
    retry: (id: string, query = '') => send('POST', `${urlOf(id)}/retry${query}`, authorization),
    /** Waits until the mail is in that state. */
    until: (id: string, state: MessageStatus['state'], withinMs?: number): Promise<MessageStatus> =>
      eventually(
        `${id} is ${state}`,
        async () => {
          const status = (await get(id)).json as MessageStatus;
          return status?.state === state ? status : undefined;
        },
        withinMs,
      ),
  };
}

export interface Fault {
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly code?: string;
  readonly retryAfter?: string | number;
  readonly times?: number;
  readonly after?: boolean;
  readonly hangMs?: number;
  readonly dropConnection?: boolean;
}

/** What the Graph sandbox is told and asked. */
export function sandbox({ inbox }: { readonly inbox: string }) {
  return {
    faults: async (faults: readonly Fault[]) => {
      const answer = await send('PUT', `${inbox}/sandbox/faults`, {}, JSON.stringify(faults));
      assert.ok(answer.status < 300, answer.text);
    },
    /** The messages whose Message-ID is that of `mime`. */
    copiesOf: async (mime: Uint8Array) => {
      const id = /^Message-ID: (.*)\r$/im.exec(Buffer.from(mime).toString('latin1'))![1];
      const { json } = await send('GET', `${inbox}/sandbox/messages`, {});
      return (json as SandboxMessage[]).filter(({ messageId }) => messageId === id);
    },
    messages: async () => (await send('GET', `${inbox}/sandbox/messages`, {})).json as SandboxMessage[],
    mime: async (id: string) => (await send('GET', `${inbox}/sandbox/messages/${id}/mime`, {})).text,
    stats: async () => (await send('GET', `${inbox}/sandbox/stats`, {})).json as { byStatus: Record<string, number> },
  };
}

export interface SandboxMessage {
  readonly id: string;
  readonly mailbox: string;
  readonly via: 'mime' | 'draft';
  readonly acceptedAt: string;
  readonly from: string;
  readonly replyTo: readonly string[];
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly subject: string;
  readonly messageId: string;
  readonly text: string;
  readonly html: string;
  readonly attachments: readonly {
    readonly name: string;
    readonly contentType: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly contentId: string;
    readonly inline: boolean;
  }[];
}
