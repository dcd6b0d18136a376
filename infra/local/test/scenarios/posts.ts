import assert from 'node:assert/strict';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { awaitArrivals } from '../harness/arrivals.ts';
import { sandboxStats } from '../harness/sandboxClient.ts';
import { type RunningRelay, startRelay } from '../harness/startRelay.ts';

export interface PostsOptions {
  readonly mails: number;
  /** Requests at a time, over as many connections that are kept. */
  readonly parallel: number;
  /** How many mailboxes take turns to send. */
  readonly mailboxes: number;
  readonly workers: number;
  /** From the last 202 to the last arrival, at most. */
  readonly withinMs: number;
}

/**
 * An application posts many small mails as fast as they are taken: each is answered 202 with an id of its own, and arrives
 * once. Returns figures for a person.
 */
export async function postsArriveOnce({
  mails,
  parallel,
  mailboxes,
  workers,
  withinMs,
}: PostsOptions): Promise<string> {
  await using relay = await startRelay({ flags: ['--no-edge', '--workers', String(workers)] });
  const agent = new http.Agent({ keepAlive: true, maxSockets: parallel });
  const began = Date.now();
  const ids = new Set<string>();
  const promised: string[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (next < mails) {
        const number = next++;
        const messageId = `<post-${number}@app.contoso.com>`;
        ids.add(await post(relay, agent, `app-${number % mailboxes}@contoso.com`, messageId));
        promised.push(messageId);
      }
    }),
  );
  agent.destroy();
  const promisedMs = Date.now() - began;
  assert.equal(ids.size, mails);
  const { distinct, doubled, ms } = await awaitArrivals(relay.inboxUrl, promised, withinMs);
  assert.deepEqual({ distinct, doubled }, { distinct: mails, doubled: 0 });
  assert.equal((await sandboxStats(relay.inboxUrl)).duplicateMessageIds, 0);
  const rate = (count: number, inMs: number) => `${Math.round((count * 1000) / inMs)} a second`;
  return (
    `${mails} posts, ${parallel} at a time, ${workers} worker(s): 202 for all after ${promisedMs} ms ` +
    `(${rate(mails, promisedMs)}), all arrived ${ms} ms later (${rate(mails, promisedMs + ms)} in all)`
  );
}

/** Posts one mail and returns its id. */
async function post(relay: RunningRelay, agent: http.Agent, from: string, messageId: string): Promise<string> {
  const message = `From: ${from}\r\nTo: bob@contoso.com\r\nSubject: Invoice\r\nMessage-ID: ${messageId}\r\n\r\nEnclosed.\r\n`;
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const headers = { authorization: 'Bearer local-dev-key', 'content-type': 'message/rfc822' };
    const request = http.request(`${relay.httpUrl}/api/messages`, { method: 'POST', agent, headers }, resolve);
    request.on('error', reject).end(message);
  });
  const body = await text(answer);
  assert.equal(answer.statusCode, 202, body);
  return (JSON.parse(body) as { id: string }).id;
}
