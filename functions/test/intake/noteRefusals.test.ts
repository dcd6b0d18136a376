import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRefusalNotes } from '../../intake/noteRefusals.ts';
import { Refusal } from '../../intake/problems.ts';

test('refused credentials and senders are told once a minute with their number, and name no address', () => {
  const told: unknown[][] = [];
  let now = 0;
  const note = createRefusalNotes({ refused: (...event) => void told.push(event) }, () => now);
  const wrongKey = new Refusal('unauthorized', 'No caller has this key.');
  for (let i = 0; i < 1000; i++) note(wrongKey, 'submitMessage');
  const wrongSender = new Refusal('sender-refused', 'ceo@contoso.com', { addresses: ['ceo@contoso.com'] });
  note(wrongSender, 'submitMessage', 'erp');
  note(wrongSender, 'submitMessage', 'web');
  note(new Refusal('not-found', 'x'), 'reportMessage', 'erp');
  now += 60_000;
  note(wrongKey, 'submitMessage');
  assert.deepEqual(told, [
    ['unauthorized', 'submitMessage', 1, undefined],
    ['sender-refused', 'submitMessage', 1, 'erp'],
    ['sender-refused', 'submitMessage', 1, 'web'],
    ['unauthorized', 'submitMessage', 1000, undefined],
  ]);
});
