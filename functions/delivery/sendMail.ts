/** One mail, one request: `POST /users/{mailbox}/sendMail` with the base64 of the MIME (Mail.Send is all it needs). */
import type { GraphClient, GraphTrace } from './graphClient.ts';
import { type GraphOutcome, outcomeOfNoAnswer, outcomeOfSend } from './graphOutcome.ts';

/**
 * Most bytes of MIME that go in one request. Graph limits a request to 4 MB, and the body is base64: 3,000,000 bytes
 * become 4,000,000 characters, below either reading of "4 MB".
 */
export const MAX_SENDMAIL_BYTES = 3_000_000;

/** Sends the MIME as `mailbox`; never throws. https://learn.microsoft.com/graph/api/user-sendmail */
export async function sendMail(
  graph: GraphClient,
  mailbox: string,
  mime: Buffer,
): Promise<{ outcome: GraphOutcome; trace: Partial<GraphTrace> }> {
  const body = mime.toString('base64');
  try {
    const answer = await graph.call(`/users/${encodeURIComponent(mailbox)}/sendMail`, (request) =>
      request.header('content-type', 'text/plain').post(body),
    );
    return { outcome: outcomeOfSend(answer), trace: answer.trace };
  } catch (error) {
    return { outcome: outcomeOfNoAnswer(error), trace: {} };
  }
}
