/**
 * A stand-in for Microsoft Graph's mail API, for one machine: it keeps what it is sent, refuses what Graph refuses,
 * fails as tests ask, and shows the mail in a web inbox.
 *
 * What follows is how the sandbox decided where Microsoft's documentation is silent, or says two things. None of it
 * was tried on a real tenant; do not build on it without doing so.
 *
 * - Sizes. A request may have 4 MiB (4,194,304 bytes; the documentation says "4 MB"). Beyond it, MIME is answered with
 *   413 and an html page, JSON with 400 "The maximum request length supported is 4MB."; both were seen, nobody says
 *   which comes when. In 2021 Graph was seen to answer 200 to MIME that was too large: set a fault for that.
 * - An attachment may be posted below 3,000,000 bytes and uploaded from there on. Measured in 2020: posts up to
 *   3,145,611 bytes and sessions from 2,097,152 bytes worked.
 * - Upload ranges: below 4,000,000 bytes, of any length (Microsoft's own example is no multiple of 320 KiB), strictly
 *   in order. Statuses and codes of a range that is refused, a lifetime of one hour, and GET for the state of a
 *   session are guesses. The form of `nextExpectedRanges` is the documented one: "0-" at first, then "2097152".
 * - A message may have 150,000,000 bytes, body and decoded attachments together; beyond it ErrorMessageSizeExceeded
 *   with 413. The status is a guess, and the real limit (35 MB by default) counts encoded attachments.
 * - Statuses of ErrorInvalidUser (404) and ErrorAttachmentSizeLimitExceeded (413), the answer to an unknown content
 *   type (415) and to a wrong method (405), and the texts where Microsoft publishes none.
 * - Base64 with line breaks is taken. "MIME" that does not start with a header field is refused as invalid base64;
 *   any other broken MIME is taken. A message without From is taken, and listed without one.
 * - A recipient without an address, or without a domain, is refused at once, for the whole message. Aliases do not
 *   resolve in /users/{id}, and an address in From that is not listed for the mailbox is refused, not replaced by the
 *   mailbox's own.
 * - What Exchange does to a message later is not done: headers it removes (some X- headers, Auto-Submitted), From it
 *   rewrites, Bcc it takes out of the copies, limits on recipients and rates, reports to the sender's inbox.
 * - Sending a draft for the second time, or after it was deleted: 404 ErrorItemNotFound. A sent message is in Sent
 *   Items at once, under its immutable id; the other id ends with the send.
 * - A draft from MIME takes further attachments, which then come after its own.
 * - With the limits on: the texts of the 429 for requests and for uploads, and that a call refused for concurrency
 *   counts towards the 10,000. Tokens and permissions are not looked at, except that there is a token.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Answer, sendAnswer } from './answer.ts';
import { createFaults } from './faults.ts';
import { createAttachmentCalls } from './graph/attachmentCalls.ts';
import { createDraftCalls } from './graph/draftCalls.ts';
import { createGraphDoor } from './graph/graphDoor.ts';
import { createGraphLimits, noLimits } from './graph/graphLimits.ts';
import { createItemCalls } from './graph/itemCalls.ts';
import { createMailboxes, type MailboxEntry } from './graph/mailboxes.ts';
import { createMailItems } from './graph/mailItem.ts';
import { createSendMail } from './graph/sendMail.ts';
import { createUploadCalls } from './graph/uploadCalls.ts';
import { createInbox } from './inbox/inbox.ts';
import { createSandboxRoutes } from './sandboxRoutes.ts';
import { createCallCounter } from './stats.ts';
import { openDraftStore } from './store/draftStore.ts';
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
  /** Ends hanging calls, stops listening, lets the calls under way finish for two seconds. */
  close(): Promise<void>;
}

/** Starts a sandbox on 127.0.0.1; resolves once it listens. Rejects when the port is in use. */
export async function createGraphSandbox(options: GraphSandboxOptions): Promise<GraphSandbox> {
  const messages = await openMessageStore(options.dataDir);
  const faults = createFaults();
  const calls = createCallCounter();
  const drafts = await openDraftStore(join(options.dataDir, 'drafts'), messages);
  const items = createMailItems(drafts, messages);
  const draftCalls = createDraftCalls(drafts, items, messages);
  const sendMail = createSendMail(messages, draftCalls.sendJson);
  const graph = createGraphDoor({
    routes: [
      { method: 'POST', path: 'users/{user}/sendMail', handler: sendMail },
      ...draftCalls.routes,
      ...createItemCalls(items),
      ...createUploadCalls(items),
      ...createAttachmentCalls(items),
    ],
    findMailbox: createMailboxes(options.mailboxes),
    faults,
    calls,
    limits: options.graphLimits ? createGraphLimits() : noLimits,
  });
  const sandbox = createSandboxRoutes({ messages, faults, calls, removeDrafts: drafts.removeAll });

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
      console.error(`graph sandbox: ${request.method} ${request.url?.split('?')[0]}: ${error}`);
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
