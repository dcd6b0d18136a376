// Two edges of one site before one function app: with names of their own, and with the same name by mistake.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runEdge, type TestEdge } from '../../../edge-listener/test/support/runEdge.ts';
import { sendMail } from '../../../edge-listener/test/support/smtpClient.ts';
import { eventually, sandbox } from './requests.ts';
import { type RunningRelay, startRelay } from './runningRelay.ts';

let relay: RunningRelay;
let spools: string;
const running: TestEdge[] = [];
before(async () => {
  // The key that test edges have.
  const keyHashes = [createHash('sha256').update('test-key').digest('hex')];
  relay = await startRelay({ CALLERS: JSON.stringify({ site: { keyHashes, senders: ['*'], recipients: ['*'] } }) });
  spools = await mkdtemp(join(tmpdir(), 'two-edges-'));
});
after(async () => {
  await Promise.all(running.map((edge) => edge.stop()));
  await relay?.stop();
  await rm(spools, { recursive: true, force: true });
});

async function start(spool: string, name: string): Promise<TestEdge> {
  // More than the function app takes: its answer to a heartbeat lowers it, which is how a test sees the answer.
  const edge = await runEdge(relay.url, join(spools, spool), { name, maxMessageBytes: 100_000_000 });
  running.push(edge);
  return edge;
}

/** Mail through this edge arrives. */
async function flows(edge: TestEdge, subject: string): Promise<void> {
  const data = `From: scan@contoso.com\r\nTo: bob@contoso.com\r\nSubject: ${subject}\r\n\r\nx\r\n`;
  const reply = await sendMail(edge.port, { from: 'scan@contoso.com', to: ['bob@contoso.com'], data });
  assert.equal(reply.code, 250, reply.text);
  const came = async () => (await sandbox(relay).messages()).find((mail) => mail.subject === subject);
  await eventually(`${subject} arrives`, came);
}

/** The function app has answered a heartbeat of this edge, or refused it. */
const heard = (edge: TestEdge) =>
  eventually('a heartbeat is answered', async () =>
    edge.seen('edge.messageLimit').length > 0 || edge.seen('edge.heartbeatFailed').length > 0 ? true : undefined,
  );

test('two edges with names of their own are both known, and mail flows through both', async () => {
  const [east, west] = [await start('east', 'east'), await start('west', 'west')];
  await Promise.all([heard(east), heard(west)]);
  for (const edge of [east, west]) assert.deepEqual(edge.seen('edge.heartbeatFailed'), []);
  await Promise.all([flows(east, 'From the east'), flows(west, 'From the west')]);
});

test('the second edge under a name is told so, and mail flows through both', async () => {
  const first = await start('first', 'warehouse');
  await heard(first);
  const second = await start('second', 'warehouse');
  await heard(second);
  const said = second.seen('edge.heartbeatFailed').map(({ fields }) => String(fields.reason));
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^HTTP 409, Another edge reported as warehouse at .*Mail is not affected\.$/);
  await Promise.all([flows(first, 'From the first'), flows(second, 'From the second')]);
});
