// A header built to keep whoever reads it busy: the process that reads it has other mail to deliver meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draftMessage } from '../../delivery/large/draftMessage.ts';
import { unrewritableHeader } from '../../delivery/large/unrewritable.ts';
import { mailFactsOf } from '../../delivery/mailFacts.ts';
import { rewriteHeader } from '../../delivery/rewriteHeader.ts';
import { readHeaderBlock } from '../../mail/headerBlock.ts';
import { readSettings } from '../../wiring/settings.ts';
import { aRecord } from '../storage/messageStoreContract.ts';

const SETTINGS = readSettings({ MailStorage: 'unused', GRAPH_CREDENTIAL: 'none' });
const FIELD_BYTES = 240_000;
/** Many times what the slowest takes; what tries each of n places against all that follows takes longer by far. */
const MOST_MS = 10_000;

const FIELDS = [
  'Subject',
  'From',
  'To',
  'Sender',
  'Reply-To',
  'Message-ID',
  'Content-Type',
  'Content-Transfer-Encoding',
  'X-Scanner',
];
const FILLS = [' ', '\t', '\r\n ', '(', '()', '"', '<', '@', ',', 'a@b.example,', '=?utf-8?q?a?= '];

/** All that is done to a header on its way, in the small way or the large one. */
function work(message: Buffer): void {
  const block = readHeaderBlock(message, true)!;
  unrewritableHeader(block);
  const header = readHeaderBlock(rewriteHeader(block, mailFactsOf(aRecord(), block, SETTINGS)!), true);
  if (header) draftMessage({ header, messageId: '<a@b>', mark: 'local/1' }, { contentType: 'text', content: '' });
}

for (const field of FIELDS)
  test(`a ${field} of 240,000 bytes does not keep the process busy, whatever is in it`, () => {
    for (const fill of FILLS) {
      const long = `${field}: a${fill.repeat(FIELD_BYTES / fill.length)}x\r\n`;
      const others = 'From: scan@contoso.com\r\nTo: bob@contoso.com\r\n'.replace(
        new RegExp(`^${field}:.*\r\n`, 'm'),
        '',
      );
      const began = performance.now();
      work(Buffer.from(`${others}${long}\r\nx\r\n`, 'latin1'));
      const ms = Math.round(performance.now() - began);
      assert.ok(ms < MOST_MS, `${JSON.stringify(fill)}: ${ms} ms`);
    }
  });
