/**
 * A stand-in for Microsoft Graph's mail API, for one machine: it keeps what it is sent, refuses what Graph refuses,
 * fails as tests ask, and shows the mail in a web inbox.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, sendAnswer } from './answer.ts';
import { createFaults } from './faults.ts';
import { createGraphDoor } from './graph/graphDoor.ts';
import { GraphError } from './graph/graphError.ts';
import { createGraphLimits, noLimits } from './graph/graphLimits.ts';
import { createMailboxes, type MailboxEntry } from './graph/mailboxes.ts';
import { createSendMail } from './graph/sendMail.ts';
import { createInbox } from './inbox/inbox.ts';
import { createSandboxRoutes } from './sandboxRoutes.ts';
import { createCallCounter } from './stats.ts';
import { openMessageStore } from './store/messageStore.ts';

export interface GraphSandboxOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Where messages and drafts are kept; created when missing. One sandbox per folder. */
  readonly dataDir: string;
  /** Enforce the real service's limits, and let every call take 150 ms so that calls can meet. Default false. */
  readonly graphLimits?: boolean;
  /** The mailboxes that exist. Default: every mailbox does and may send as anyone. */
  readonly mailboxes?: readonly MailboxEntry[];
}

export interface GraphSandbox {
  /** `http://127.0.0.1:{port}`: the base URL for Graph, and the inbox. */
  readonly url: string;
  readonly port: number;
  /** Ends hanging calls, stops listening, finishes reading what was accepted. */
  close(): Promise<void>;
}

/** Starts a sandbox on 127.0.0.1; resolves once it listens. Rejects when the port is in use. */
export async function createGraphSandbox(options: GraphSandboxOptions): Promise<GraphSandbox> {
  const messages = await openMessageStore(options.dataDir);
  const faults = createFaults();
  const calls = createCallCounter();
  const sendMail = createSendMail(messages, async () => {
    throw new GraphError('UnsupportedMediaType');
  });
  const graph = createGraphDoor({
    routes: [{ method: 'POST', path: 'users/{user}/sendMail', handler: sendMail }],
    findMailbox: createMailboxes(options.mailboxes),
    faults,
    calls,
    limits: options.graphLimits ? createGraphLimits() : noLimits,
  });
  const sandbox = createSandboxRoutes({ messages, faults, calls, removeDrafts: async () => {} });

  const inbox = createInbox(messages);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (isStranger(request)) return sendAnswer(response, stranger);
    if (/^\/v1\.0(\/|$)/.test(url.pathname)) return graph(request, response, url);
    if (/^\/sandbox(\/|$)/.test(url.pathname)) return sendAnswer(response, await sandbox(request, url.pathname));
    return inbox.handle(request, response);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(`graph sandbox: ${request.method} ${request.url}: ${error}`);
      if (response.headersSent) response.destroy();
      else void sendAnswer(response, { status: 500, json: { error: String(error) } });
    });
  });
  server.on('upgrade', (request, socket, head) => {
    if (isStranger(request)) socket.destroy();
    else inbox.upgrade(request, socket, head).catch(() => socket.destroy());
  });
  server.requestTimeout = 0;
  // Longer than any pause between two mails: a connection closed as it is used again looks like a failure of Graph.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async close() {
      faults.replace([]);
      await inbox.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const impatience = setTimeout(() => server.closeAllConnections(), 2000);
      await closed;
      clearTimeout(impatience);
      await messages.close();
    },
  };
}

/**
 * True for a call that a page of another site makes a browser send. Whoever can name a web page that a developer
 * visits must not read the mail on the developer's machine.
 */
function isStranger(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  return origin !== undefined && origin !== `http://${host}`;
}

const stranger: Answer = { status: 403, json: { error: 'Pages of other sites have no access.' } };
