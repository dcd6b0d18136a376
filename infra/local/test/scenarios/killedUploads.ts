import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { scan } from '../../../../functions/test/delivery/large/mailSamples.ts';
import { awaitArrivals } from '../harness/arrivals.ts';
import { eventually } from '../harness/eventually.ts';
import { mailboxItems, sandboxStats, setFaults } from '../harness/sandboxClient.ts';
import { type RunningRelay, startRelay } from '../harness/startRelay.ts';

/** For each of five mailboxes, the call to Graph that hangs when its worker is killed. */
const STEPS: readonly { readonly mailbox: string; readonly fault: Readonly<Record<string, unknown>> }[] = [
  { mailbox: 'creating@contoso.com', fault: { method: 'POST', path: 'users/creating@[^/]+/messages$' } },
  { mailbox: 'opening@contoso.com', fault: { method: 'POST', path: 'users/opening@.*/createUploadSession$' } },
  { mailbox: 'uploading@contoso.com', fault: { method: 'PUT', path: 'users/uploading@.*/attachmentSessions/' } },
  { mailbox: 'sending@contoso.com', fault: { method: 'POST', path: 'users/sending@.*/send$' } },
  { mailbox: 'sent@contoso.com', fault: { method: 'POST', path: 'users/sent@.*/send$', after: true } },
];
const HANG_MS = 600_000;
const SCAN_BYTES = 4_000_000;
/** Once nothing has been asked of Graph for so long, every upload hangs. */
const QUIET_MS = 4000;
/** Longer than it takes until all hang; the claims of the dead live ten seconds longer. */
const GRAPH_TIMEOUT_SECONDS = '60';

/**
 * Five scans are being uploaded, each hangs at another step, and every worker is killed with SIGKILL. Each scan arrives
 * once all the same, none is held although AMBIGUOUS_SEND is `hold`, since a draft tells what became of it, and no draft
 * is left. Returns figures for a person.
 */
export async function killedUploadsArriveOnce({ withinMs }: { readonly withinMs: number }): Promise<string> {
  const env = { AMBIGUOUS_SEND: 'hold', GRAPH_TIMEOUT_SECONDS };
  await using relay = await startRelay({ flags: ['--workers', String(STEPS.length), '--no-edge'], env });
  const { inboxUrl } = relay;
  await setFaults(
    inboxUrl,
    STEPS.map(({ fault }) => ({ ...fault, hangMs: HANG_MS })),
  );
  const mails = STEPS.map(({ mailbox }) => ({ mailbox, id: randomUUID(), messageId: `<scan-of-${mailbox}>` }));
  const states = () => Promise.all(mails.map(({ id }) => stateOf(relay, id)));
  for (const mail of mails) await post(relay, mail);
  await eventually('every upload hangs', async () => (await states()).every((state) => state === 'sending'), 45_000);
  await eventually('no upload goes on', async () => {
    const { requests } = await sandboxStats(inboxUrl);
    await sleep(QUIET_MS);
    return (await sandboxStats(inboxUrl)).requests === requests;
  });
  assert.deepEqual(await states(), Array(mails.length).fill('sending'));
  assert.equal((await sandboxStats(inboxUrl)).accepted, 1, 'only the answer to one `send` is outstanding');

  for (const pid of relay.pids().workers) process.kill(pid, 'SIGKILL');
  await setFaults(inboxUrl, []);
  const promised = mails.map(({ messageId }) => messageId);
  const { distinct, doubled, ms } = await awaitArrivals(inboxUrl, promised, withinMs);
  assert.deepEqual({ distinct, doubled }, { distinct: mails.length, doubled: 0 });
  await eventually(
    'all are known to be sent',
    async () => (await states()).every((state) => state === 'sent'),
    withinMs,
  );
  for (const { mailbox, messageId } of mails)
    assert.deepEqual(
      (await mailboxItems(inboxUrl, mailbox)).map(({ isDraft, internetMessageId }) => [isDraft, internetMessageId]),
      [[false, messageId]],
      mailbox,
    );
  return `${mails.length} uploads whose workers were killed: none lost, none twice, none held; all arrived after ${ms} ms`;
}

async function post(relay: RunningRelay, mail: { mailbox: string; id: string; messageId: string }): Promise<void> {
  const header = [`From: ${mail.mailbox}`, 'To: bob@contoso.com', 'Subject: Scan', `Message-ID: ${mail.messageId}`];
  const answer = await fetch(`${relay.httpUrl}/api/messages`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer local-dev-key',
      'content-type': 'message/rfc822',
      'idempotency-key': mail.id,
    },
    body: new Uint8Array(scan(SCAN_BYTES, header)),
  });
  assert.equal(answer.status, 202, await answer.text());
}

async function stateOf(relay: RunningRelay, id: string): Promise<string> {
  const headers = { authorization: 'Bearer local-dev-key' };
  const answer = await fetch(`${relay.httpUrl}/api/messages/${id}`, { headers });
  return ((await answer.json()) as { state: string }).state;
}
