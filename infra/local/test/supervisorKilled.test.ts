import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from './harness/eventually.ts';
import { eventuallyGone } from './harness/processes.ts';
import { sandboxMessages } from './harness/sandboxClient.ts';
import { type RunningRelay, startRelay } from './harness/startRelay.ts';
import { temporaryDirectory } from './harness/temporaryDirectory.ts';

const ID = '0198b3a4-5c6d-7e8f-9a0b-1c2d3e4f5a6b';
const authorization = 'Bearer local-dev-key';

async function stateOf(relay: RunningRelay): Promise<string> {
  const answer = await fetch(`${relay.httpUrl}/api/messages/${ID}`, { headers: { authorization } });
  return ((await answer.json()) as { state: string }).state;
}

test('when the supervisor is killed all else ends within 5 s, and the next start finds mail, receipt and inbox', async () => {
  const { path, remove } = await temporaryDirectory();
  const data = join(path, 'data');
  await using first = await startRelay({ data });
  const posted = await fetch(`${first.httpUrl}/api/messages`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'message/rfc822', 'idempotency-key': ID },
    body: 'From: kim@contoso.com\r\nTo: bob@contoso.com\r\nSubject: Remember me\r\n\r\nHello.\r\n',
  });
  assert.equal(posted.status, 202);
  await eventually('it is sent', async () => (await stateOf(first)) === 'sent');
  const { azurite, sandbox, workers, edge } = first.pids();
  first.supervisor.kill('SIGKILL');
  await eventuallyGone([azurite!, sandbox!, edge!, ...workers], 5000);

  await using second = await startRelay({ data });
  assert.equal(await stateOf(second), 'sent');
  const subjects = (await sandboxMessages(second.inboxUrl)).map(({ subject }) => subject);
  assert.deepEqual(subjects, ['Remember me']);
  await second.stop();
  assert.equal(existsSync(join(data, 'pids.json')), false);
  await remove();
});
