// A box without a battery: it starts in 1970 and finds its time server later.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { startFakeRelay } from '../support/fakeRelay.ts';
import { runEdge, temporaryDirectory } from '../support/runEdge.ts';
import { sendMail } from '../support/smtpClient.ts';
import { until } from '../support/until.ts';

test('an edge that started in 1970 stamps mail with the time it found since, and sends it at once', async () => {
  const directory = temporaryDirectory();
  const relay = await startFakeRelay();
  mock.timers.enable({ apis: ['Date'], now: 60_000 });
  const edge = await runEdge(relay.url, directory.path);
  try {
    await sendMail(edge.port);
    await until('the first mail arrives', () => edge.seen('edge.forwarded').length === 1);
    mock.timers.setTime(Date.parse('2026-05-01T12:00:00Z'));
    await sendMail(edge.port);
    await until('the second mail arrives', () => edge.seen('edge.forwarded').length === 2);
    assert.deepEqual(
      relay.taken.map(({ envelope }) => envelope.receivedAt.slice(0, 4)),
      ['1970', '2026'],
    );
    for (const { fields } of edge.seen('edge.forwarded')) assert.ok(Number(fields.waitedSeconds) < 10);
  } finally {
    mock.timers.reset();
    await edge.stop();
    await relay.close();
    directory.remove();
  }
});
