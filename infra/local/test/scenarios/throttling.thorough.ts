import { test } from 'node:test';
import { busyMailboxHoldsUpNobody } from './throttling.ts';

// Graph lets a mailbox send so many a minute: it takes a minute. `npm run torture:throttling` sends thousands.
test('a mailbox with more mail than Graph lets through at once holds up no other', async (t) => {
  const size = { busy: 150, others: 20, mailboxes: 10, everyMs: 250, workers: 3 };
  t.diagnostic(await busyMailboxHoldsUpNobody({ ...size, withinMs: 120_000, othersWithinMs: 10_000 }));
});
