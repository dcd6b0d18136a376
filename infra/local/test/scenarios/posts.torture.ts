// `npm run torture:posts`: what an application's mailing looks like. Takes about ten minutes.
import { test } from 'node:test';
import { postsArriveOnce } from './posts.ts';

test('ten thousand mails posted as fast as they are taken arrive once', async (t) => {
  const size = { mails: 10_000, parallel: 32, mailboxes: 20, workers: 2 };
  t.diagnostic(await postsArriveOnce({ ...size, withinMs: 900_000 }));
});
