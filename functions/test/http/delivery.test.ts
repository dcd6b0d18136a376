// What becomes of a promised mail: replays in every state, and everything Graph may answer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newMessageId } from '../../contract/messageId.ts';
import { aMessage, anEnvelope, assertProblem, caller, eventually, sandbox } from './requests.ts';
import { type RunningRelay, startRelay } from './runningRelay.ts';

let relay: RunningRelay;
let local: ReturnType<typeof caller>;
let graph: ReturnType<typeof sandbox>;
before(async () => {
  relay = await startRelay({
    GRAPH_TIMEOUT_SECONDS: '2',
    LARGE_MAIL: 'on',
    MAX_MESSAGE_BYTES: '110000000',
  });
  local = caller(relay);
  graph = sandbox(relay);
});
after(() => relay?.stop());

let mailboxes = 0;
/** A mail from a mailbox of its own, so that what one test does to a mailbox troubles no other. */
function aMail() {
  const mailbox = `scan-${++mailboxes}@contoso.com`;
  const mime = aMessage({ from: mailbox });
  const envelope = { 'x-relay-envelope': anEnvelope(['bob@contoso.com'], mailbox) };
  const path = `/users/${mailbox}/sendMail`;
  return { id: newMessageId(), mailbox, mime, path, put: (id: string) => local.put(id, mime, envelope) };
}

test('a mail that is put twice at once, and again in every state, is sent once', async () => {
  const { id, mime, mailbox, path, put } = aMail();
  await graph.faults([{ path, hangMs: 1200, status: 503, times: 1 }]);
  const twins = await Promise.all([put(id), put(id), put(id)]);
  assert.deepEqual(
    twins.map(({ status, json }) => [status, json.id]),
    Array(3).fill([202, id]),
  );
  await local.until(id, 'sending');
  assert.equal((await put(id)).json.state, 'sending');
  await eventually('the mail waits for its retry', async () => {
    const { state, attempts } = (await local.get(id)).json;
    return (state === 'accepted' && attempts === 1) || undefined;
  });
  assert.deepEqual((await put(id)).json, { id, state: 'accepted' });
  await local.until(id, 'sent');
  assert.deepEqual((await put(id)).json, { id, state: 'sent' });
  assert.equal((await graph.copiesOf(mime)).length, 1, mailbox);
  assert.equal(await relay.store.bodyDigest({ caller: 'local', id }), undefined);
});

test('a mail that has failed is not sent by being put again, but by a retry', async () => {
  const { id, mime, path, put } = aMail();
  await graph.faults([{ path, status: 400, code: 'ErrorMimeContentInvalidBase64String' }]);
  assert.equal((await put(id)).status, 202);
  const failed = await local.until(id, 'failed');
  assert.match(failed.reason!, /^ErrorMimeContentInvalidBase64String: /);
  assert.deepEqual((await put(id)).json, { id, state: 'failed' });
  assert.equal((await graph.copiesOf(mime)).length, 0);
  assert.equal((await local.retry(id)).status, 202);
  await local.until(id, 'sent');
  assert.equal((await graph.copiesOf(mime)).length, 1);
  assertProblem(await local.retry(id), 409, 'conflict');
});

test('403 ErrorSendAsDenied ends as failed, with the reason', async () => {
  const { id, path, put } = aMail();
  await graph.faults([{ path, status: 403, code: 'ErrorSendAsDenied' }]);
  await put(id);
  assert.match((await local.until(id, 'failed')).reason!, /^ErrorSendAsDenied: /);
});

for (const form of ['seconds', 'date'] as const)
  test(`429 with Retry-After as ${form} is waited for, and the second body is that of the first`, async () => {
    const { id, mime, path, put } = aMail();
    const began = Date.now();
    // An HTTP date has whole seconds.
    const waitMs = form === 'seconds' ? 3000 : 4000;
    const retryAfter = form === 'seconds' ? 3 : new Date(began + waitMs).toUTCString();
    await graph.faults([{ path, status: 429, code: 'ApplicationThrottled', retryAfter }]);
    await put(id);
    const { sentAt, attempts } = await local.until(id, 'sent', 20_000);
    assert.ok(Date.parse(sentAt!) - began >= (form === 'seconds' ? 3000 : 2900), sentAt!);
    assert.equal(attempts, 2);
    const copies = await graph.copiesOf(mime);
    assert.equal(copies.length, 1);
    assert.match(await graph.mime(copies[0]!.id), /\r\n\r\nHello\r\n$/);
  });

test('503 twice, then fine', async () => {
  const { id, mime, path, put } = aMail();
  await graph.faults([{ path, status: 503, code: 'serviceNotAvailable', retryAfter: 1, times: 2 }]);
  await put(id);
  assert.equal((await local.until(id, 'sent', 30_000)).attempts, 3);
  assert.equal((await graph.copiesOf(mime)).length, 1);
});

test('200 instead of 202 is no success: a mail is only sent when Graph has it', async () => {
  const { id, mime, path, put } = aMail();
  await graph.faults([{ path, status: 200, times: 2 }]);
  await put(id);
  const { state } = await eventually('the first attempt is over', async () => {
    const { json } = await local.get(id);
    return json.attempts > 0 && json.state !== 'sending' ? json : undefined;
  });
  assert.equal((await graph.copiesOf(mime)).length, state === 'sent' ? 1 : 0);
  await graph.faults([]);
});

test('a call to Graph that hangs times out, and mail of other mailboxes does not wait for it', async () => {
  const [slow, quick] = [aMail(), aMail()];
  await graph.faults([{ path: slow.path, hangMs: 30_000, times: 1 }]);
  await slow.put(slow.id);
  await local.until(slow.id, 'sending');
  await quick.put(quick.id);
  const { sentAt } = await local.until(quick.id, 'sent');
  const late = await local.until(slow.id, 'sent', 20_000);
  assert.equal(late.attempts, 2);
  // The timeout is 2 s and the wait for the next try at least 1.6: there was time for the quick one all along.
  assert.ok(Date.parse(late.sentAt!) - Date.parse(sentAt!) > 1000, `${sentAt}, ${late.sentAt}`);
  await graph.faults([]);
});

test('a wake-up that somebody forged moves nothing, whatever queue it is in', async () => {
  const before = (await graph.messages()).length;
  const { id, put } = aMail();
  const wakeUp = { v: 1, caller: 'local', id: newMessageId(), mailbox: 'ceo@contoso.com', traceparent: '' };
  const forged = [
    'not json',
    '[]',
    '"text"',
    JSON.stringify({ ...wakeUp, caller: '../x' }),
    JSON.stringify({ ...wakeUp, id: '../../state/local/x' }),
    JSON.stringify(wakeUp),
  ];
  const queues = ['deliveries', 'deliveries-waiting', 'deliveries-large'].flatMap((name) => [name, `${name}-poison`]);
  for (const name of queues) {
    const queue = relay.queues.getQueueClient(name);
    await queue.createIfNotExists();
    for (const text of forged) await queue.sendMessage(Buffer.from(text).toString('base64'));
  }
  await put(id);
  await local.until(id, 'sent');
  for (const name of queues)
    await eventually(`${name} is empty`, async () => {
      const { approximateMessagesCount } = await relay.queues.getQueueClient(name).getProperties();
      return approximateMessagesCount === 0 || undefined;
    });
  assert.equal((await graph.messages()).length, before + 1);
});
