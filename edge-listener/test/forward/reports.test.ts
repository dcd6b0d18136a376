import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { reportIdOf } from '../../src/forward/failureReports.ts';
import { type FakeRelay, startFakeRelay } from '../support/fakeRelay.ts';
import { runEdge, type TestEdge, temporaryDirectory } from '../support/runEdge.ts';
import { sendMail } from '../support/smtpClient.ts';
import { until } from '../support/until.ts';

function withEdge(what: string, overrides: object, body: (edge: TestEdge, relay: FakeRelay) => Promise<void>) {
  test(what, async () => {
    const directory = temporaryDirectory();
    const relay = await startFakeRelay();
    const edge = await runEdge(relay.url, directory.path, { ...overrides });
    try {
      await body(edge, relay);
    } finally {
      await edge.stop();
      await relay.close();
      directory.remove();
    }
  });
}

describe('reports', { concurrency: 4 }, () => {
  withEdge(
    'the sender of a refused message is told by a report through the relay',
    { postmaster: 'post@contoso.com' },
    async (edge, relay) => {
      relay.faults = [{ status: 413, problem: 'message-too-large', sender: 'scanner@example.com' }];
      await sendMail(edge.port, { data: 'From: scanner@example.com\r\nSubject: secret\r\n\r\nbody\r\n' });
      await until('the report arrives', () => relay.taken.length === 1);
      const { envelope, body, id } = relay.taken[0]!;
      assert.equal(envelope.from, '');
      assert.deepEqual(envelope.to, ['scanner@example.com', 'post@contoso.com']);
      const failed = String(edge.seen('edge.failed')[0]!.fields.id);
      const { failedAt } = JSON.parse(readFileSync(join(edge.spool, 'failed', `${failed}.json`), 'utf8'));
      assert.equal(id, reportIdOf(failed, failedAt));
      const text = body.toString();
      assert.match(text, /^From: Mail relay test-edge <post@contoso\.com>\r\nTo: <scanner@example\.com>\r\n/);
      assert.match(text, /Content-Type: multipart\/report; report-type=delivery-status;/);
      assert.match(text, /Final-Recipient: rfc822; a@example\.com\r\nAction: failed\r\n/);
      assert.match(text, /The fake says message-too-large\./);
      assert.match(text, /Auto-Submitted: auto-replied/);
      assert.doesNotMatch(text, /^body/m);
      assert.doesNotMatch(text, /[^\r]\n/);
    },
  );

  withEdge('nobody is told about the null sender, automatic mail and reports', {}, async (edge, relay) => {
    relay.faults = [{ status: 422, problem: 'unprocessable-message', times: 1000 }];
    await sendMail(edge.port, { from: '' });
    await sendMail(edge.port, { data: 'Auto-Submitted: auto-generated\r\n\r\nx\r\n' });
    await sendMail(edge.port, { data: 'Precedence: bulk\r\n\r\nx\r\n' });
    await sendMail(edge.port, { data: 'Content-Type: multipart/report; boundary=x\r\n\r\nx\r\n' });
    await until('all failed', () => edge.seen('edge.failed').length === 4);
    assert.equal(edge.seen('edge.reported').length, 0);
  });

  withEdge(
    'the postmaster is told of mail without a sender, and at the end of what got no report of its own',
    { postmaster: 'post@contoso.com' },
    async (edge, relay) => {
      relay.faults = [
        { status: 413, problem: 'message-too-large', sender: '', times: 2 },
        { status: 413, problem: 'message-too-large', sender: 'a@contoso.com', times: 3 },
      ];
      for (let i = 0; i < 2; i++) {
        await sendMail(edge.port, { from: '', data: `Subject: ${i}\r\n\r\nx\r\n` });
        await until('it failed', () => edge.seen('edge.failed').length === i + 1);
      }
      await until('the report arrives', () => relay.taken.length === 1);
      assert.deepEqual(relay.taken[0]!.envelope.to, ['post@contoso.com']);
      assert.match(relay.taken[0]!.body.toString(), /^Subject: A message without a sender could not be sent\r$/m);
      for (let i = 0; i < 3; i++)
        await sendMail(edge.port, { from: 'a@contoso.com', data: `Subject: ${i}\r\n\r\nx\r\n` });
      await until('all failed', () => edge.seen('edge.failed').length === 5);
      await until('the second report arrives', () => relay.taken.length === 2);
      await edge.stop();
      const next = await runEdge(relay.url, edge.spool);
      await until('the digest arrives', () => relay.taken.length === 3);
      await next.stop();
      const { envelope, body } = relay.taken[2]!;
      assert.deepEqual([envelope.from, envelope.to], ['', ['post@contoso.com']]);
      assert.match(body.toString(), /^Auto-Submitted: auto-generated\r$/m);
      assert.match(body.toString(), /^ {4}1 {2}\(no sender\)\r\n {4}2 {2}a@contoso\.com\r$/m);
    },
  );

  withEdge('a sender gets one report an hour, and a refused report is the end of it', {}, async (edge, relay) => {
    relay.faults = [{ status: 422, problem: 'unprocessable-message', times: 1000 }];
    for (let i = 0; i < 5; i++) await sendMail(edge.port, { data: `Subject: ${i}\r\n\r\nx\r\n` });
    await until('mails and report failed', () => edge.seen('edge.failed').length === 6);
    assert.equal(edge.seen('edge.reported').length, 1);
  });

  withEdge(
    'a heartbeat tells what the edge does, and the answer may lower the size limit',
    { operations: { port: 0 } },
    async (edge, relay) => {
      relay.heartbeatAnswer.body = { v: 1, maxMessageBytes: 5000, now: new Date().toISOString() };
      await sendMail(edge.port);
      await until('the heartbeat arrives', () => relay.heartbeats.length === 1);
      const { name, body } = relay.heartbeats[0]!;
      assert.equal(name, 'test-edge');
      assert.equal(body.v, 1);
      assert.match(body.instance ?? '', /^[0-9a-f-]{36}$/);
      assert.deepEqual(body.listeners, [{ address: '127.0.0.1', port: edge.port, tls: 'none' }]);
      assert.equal(body.devices[0]?.accepted, 1);
      assert.equal(edge.seen('edge.heartbeatFailed').length, 0);
      await until('the limit is lowered', () => edge.seen('edge.messageLimit').length === 1);
      assert.match((await sendMail(edge.port, { data: `${'x'.repeat(6000)}\r\n` })).text, /^552 5\.3\.4 /);

      const { port } = edge.seen('edge.operations')[0]!.fields;
      const get = async (path: string) => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`);
        return { status: response.status, text: await response.text() };
      };
      assert.equal((await get('/healthz')).status, 200);
      assert.equal((await get('/readyz')).status, 200);
      assert.equal((await get('/other')).status, 404);
      const { text } = await get('/metrics');
      assert.match(text, /^edge_accepted_total 1$/m);
      assert.match(text, /^edge_rejected_total\{code="552"\} 1$/m);
      assert.match(text, /^edge_spool_messages 0$/m);
    },
  );

  withEdge('another edge of the same name is said once, and mail still flows', {}, async (edge, relay) => {
    relay.heartbeatAnswer = { status: 409, body: { detail: 'taken' } };
    await until('it is said', () => edge.seen('edge.heartbeatFailed').length === 1);
    assert.match(String(edge.seen('edge.heartbeatFailed')[0]!.fields.reason), /^HTTP 409/);
    await sendMail(edge.port);
    await until('mail flows', () => relay.taken.length === 1);
  });
});
