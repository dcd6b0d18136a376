// Whether mail can be taken, as monitoring asks it.
import assert from 'node:assert/strict';
import { sendMail } from '../support/smtpClient.ts';
import { withEdge } from '../support/withEdge.ts';

withEdge(
  'a full disk makes the edge not ready, but not dead, and says why',
  () => ({ operations: { port: 0 }, spool: { minFreeBytes: Number.MAX_SAFE_INTEGER } }),
  async ({ edge }) => {
    const { port } = edge.seen('edge.operations')[0]!.fields;
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /free/);
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    assert.equal((await sendMail(edge.port)).code, 452);
  },
);
