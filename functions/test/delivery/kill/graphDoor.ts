// A door before the Graph sandbox. It knows two moments of every call: before the sandbox hears of it, and after it has
// done what was asked but before anybody is told.
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Told of every moment; resolves with false where the caller is dead by then: nothing more happens. */
export type OnMoment = (name: string) => boolean;

export interface GraphDoor {
  readonly url: string;
  /** Where the sandbox is. */
  target: string;
  onMoment: OnMoment;
  /** The next call of such a name is carried out, and nobody is ever told. */
  silence: RegExp | undefined;
  /** Called when a call that sends has been carried out or refused. */
  onSend: () => Promise<void>;
  close(): Promise<void>;
}

export async function openGraphDoor(): Promise<GraphDoor> {
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const door: GraphDoor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: '',
    onMoment: () => true,
    silence: undefined,
    onSend: async () => {},
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const name = nameOf(request);
    const { onMoment } = door;
    if (!onMoment(`before ${name}`)) return void response.destroy();
    const answer = await forward(request, body);
    if (/\bsend(?:Mail)?$/.test(name)) await door.onSend();
    if (door.silence?.test(name)) {
      door.silence = undefined;
      return;
    }
    if (!onMoment(`after ${name}`) || !answer) return void response.destroy();
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  /** The sandbox's answer; undefined when it broke the connection. The Host stays, so that upload URLs lead here. */
  async function forward({ method, url, headers }: IncomingMessage, body: Buffer) {
    const outgoing = httpRequest(new URL(url!, door.target), { method, headers, agent: false });
    outgoing.end(body);
    try {
      const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
      return { status: incoming.statusCode!, headers: incoming.headers, body: await buffer(incoming) };
    } catch {
      // A connection that breaks is one of the things that the sandbox is asked to do.
      return undefined;
    }
  }

  return door;
}

/** The call without what is random in it: `POST messages/{id}/send`. */
function nameOf({ method, url }: IncomingMessage): string {
  const path = url!.split('?')[0]!.replace(/^\/v1\.0\/users\/[^/]+\//, '');
  const short = path.includes('attachmentSessions') ? 'range' : path.replace(/^messages\/[^/]+/, 'messages/{id}');
  return `${method} ${short}`;
}
