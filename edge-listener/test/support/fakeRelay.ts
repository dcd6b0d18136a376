// A function app that keeps what it is given and fails on demand.
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { decodeEnvelope, type Envelope } from '../../../functions/contract/envelope.ts';
import { type Heartbeat, PROBLEM_TYPE_BASE } from '../../../functions/contract/relayProtocol.ts';

/** A message the fake took. */
export interface TakenMessage {
  readonly id: string;
  readonly envelope: Envelope;
  readonly body: Buffer;
  readonly headers: http.IncomingHttpHeaders;
}

/** One answer to give instead of the usual one, to the next request that matches. */
export interface Fault {
  readonly method?: 'GET' | 'PUT';
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Sent as a problem document of this name. */
  readonly problem?: string;
  /** Take the message first, then fail. */
  readonly after?: boolean;
  /** Close the connection instead of answering. */
  readonly drop?: boolean;
  /** Answer so for this many requests; default 1. */
  readonly times?: number;
  /** Only for requests about parts; without it only for the others. */
  readonly of?: 'part';
  /** Only for messages whose envelope sender is this. */
  readonly sender?: string;
}

export interface FakeRelay {
  readonly url: string;
  readonly taken: TakenMessage[];
  readonly requests: { method: string; id: string; at: number }[];
  faults: Fault[];
  /** The `Authorization` headers it takes. */
  credentials: RegExp;
  /** Whether upload by parts is known; an old function app knows none. */
  knowsParts: boolean;
  readonly heartbeats: { name: string; body: Heartbeat }[];
  heartbeatAnswer: { status: number; body: unknown };
  /** Most requests that were under way at once. */
  readonly maxInFlight: () => number;
  close(): Promise<void>;
}

export async function startFakeRelay({ delayMs = 0, port = 0 } = {}): Promise<FakeRelay> {
  const taken: TakenMessage[] = [];
  const requests: FakeRelay['requests'] = [];
  const known = new Map<string, string>();
  let inFlight = 0;
  let most = 0;
  const left = new Map<Fault, number>();
  const staged = new Map<string, Map<number, Buffer>>();

  const receiptOf = (n: number, part: Buffer) => {
    return { n, bytes: part.length, sha256: createHash('sha256').update(part).digest('hex') };
  };

  function assemble(id: string, named: string): Buffer | undefined {
    const parts = named.split(/, ?/).map((sha256, i) => {
      const part = staged.get(id)?.get(i + 1);
      return part && receiptOf(i + 1, part).sha256 === sha256 ? part : undefined;
    });
    return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
  }

  function faultFor(method: string, sender: string | undefined, of?: 'part'): Fault | undefined {
    const fault = relay.faults.find(
      (f) =>
        f.of === of &&
        (f.method ?? 'PUT') === method &&
        (f.sender === undefined || f.sender === sender) &&
        (left.get(f) ?? f.times ?? 1) > 0,
    );
    if (fault) left.set(fault, (left.get(fault) ?? fault.times ?? 1) - 1);
    return fault;
  }

  async function takeHeartbeat(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    relay.heartbeats.push({ name: request.url!.split('/').at(-1)!, body: JSON.parse(text) as Heartbeat });
    const { status, body } = relay.heartbeatAnswer;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  const server = http.createServer((request, response) => {
    if (request.url?.startsWith('/api/edges/')) return void takeHeartbeat(request, response);
    most = Math.max(most, ++inFlight);
    response.on('close', () => inFlight--);
    const method = request.method ?? '';
    const [, , , id = '', parts, n] = request.url?.split('/') ?? [];
    requests.push({ method: parts ? `${method} part` : method, id, at: performance.now() });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => setTimeout(() => answer(), delayMs));

    function answer(): unknown {
      const sent = Buffer.concat(chunks);
      const sentDigest = createHash('sha256').update(sent).digest('base64');
      const unzipped = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      if (parts) return answerPart(unzipped);
      const named = request.headers['x-relay-parts'];
      const body = typeof named === 'string' ? assemble(id, named) : unzipped;
      if (!body) return problem(404, 'parts-missing');
      const reading = method === 'PUT' ? decodeEnvelope(String(request.headers['x-relay-envelope'])) : undefined;
      const envelope = reading?.ok ? reading.envelope : undefined;
      const fault = faultFor(method, envelope?.from);
      const digest = createHash('sha256').update(body).digest('base64');
      const take = () => {
        if (envelope && !known.has(id)) taken.push({ id, envelope, body, headers: request.headers });
        known.set(id, digest);
      };
      if (fault) {
        if (fault.after) take();
        if (fault.drop) return request.socket.destroy();
        const status = fault.status ?? 500;
        if (fault.problem) return problem(status, fault.problem, fault.headers);
        return response.writeHead(status, fault.headers).end(fault.body ?? '');
      }
      if (!relay.credentials.test(request.headers.authorization ?? '')) return problem(401, 'unauthorized');
      if (method === 'GET') return known.has(id) ? json(200, { id, state: 'accepted' }) : problem(404, 'not-found');
      const expected = named ? request.headers['repr-digest'] : request.headers['content-digest'];
      if (expected !== `sha-256=:${named ? digest : sentDigest}:` || !envelope) return problem(400, 'bad-request');
      if (known.has(id) && known.get(id) !== digest) return problem(409, 'conflict');
      take();
      return json(202, { id, state: 'accepted' });
    }

    function answerPart(bytes: Buffer): unknown {
      if (!relay.knowsParts) return response.writeHead(404).end('no such route');
      const fault = faultFor(method, undefined, 'part');
      if (fault?.drop) return request.socket.destroy();
      const here = staged.get(id) ?? new Map<number, Buffer>();
      staged.set(id, here);
      if (method === 'PUT') here.set(Number(n), bytes);
      const receipts = [...here].map(([number, part]) => receiptOf(number, part)).sort((a, b) => a.n - b.n);
      return json(200, method === 'PUT' ? receiptOf(Number(n), bytes) : { id, parts: receipts });
    }

    function json(status: number, value: unknown): void {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    }

    function problem(status: number, name: string, headers: Record<string, string> = {}): void {
      const type = PROBLEM_TYPE_BASE + name;
      const body = JSON.stringify({ type, title: name, status, detail: `The fake says ${name}.` });
      response.writeHead(status, { 'content-type': 'application/problem+json', ...headers }).end(body);
    }
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const relay: FakeRelay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    requests,
    faults: [],
    credentials: /^Bearer test-key$/,
    knowsParts: true,
    heartbeats: [],
    heartbeatAnswer: { status: 200, body: { v: 1, maxMessageBytes: 150_000_000, now: new Date().toISOString() } },
    maxInFlight: () => most,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return relay;
}
