// `npm run torture:throttling`: thousands of mails of one mailbox against Graph's real limits. Takes about ten minutes.
import { test } from 'node:test';
import { busyMailboxHoldsUpNobody } from './throttling.ts';

test('two thousand mails of one mailbox hold up none of 200 of fifty others', async (t) => {
  const size = { busy: 2000, others: 200, mailboxes: 50, everyMs: 250, workers: 3 };
  t.diagnostic(await busyMailboxHoldsUpNobody({ ...size, withinMs: 400_000, othersWithinMs: 5000 }));
});

test('while five thousand mails of one mailbox wait, a single mail every ten seconds is sent within five', async (t) => {
  const size = { busy: 5000, others: Number.POSITIVE_INFINITY, mailboxes: 1, everyMs: 10_000, workers: 3 };
  t.diagnostic(await busyMailboxHoldsUpNobody({ ...size, withinMs: 900_000, othersWithinMs: 5000 }));
});
