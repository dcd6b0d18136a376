// Nobody sends as somebody else, however the mail is written: whatever the receiver will see must be the caller's to use.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSender } from '../../intake/callerRules.ts';
import { Refusal } from '../../intake/problems.ts';
import { appEnvelope } from '../../intake/requestEnvelope.ts';
import { addressPatternSchema } from '../../mail/addressPattern.ts';
import { readHeaderBlock } from '../../mail/headerBlock.ts';
import { senderRulesSchema } from '../../mail/senderRules.ts';

const MINE = ['scan@contoso.com', '*@bücher.example'];

interface Case {
  readonly header: string;
  readonly envelopeFrom?: string;
  readonly rules?: unknown;
}

type Checked = { readonly from: string } | { readonly problem: string; readonly refused: unknown };

/** What the check lets the caller send as, or the addresses it refuses. */
function checked({ header, envelopeFrom = '', rules = [] }: Case): Checked {
  const block = readHeaderBlock(Buffer.from(`${header}\r\n\r\nx`, 'utf8'), true)!;
  const settings = { SENDER_RULES: senderRulesSchema.parse(rules), DEFAULT_SENDER: undefined };
  const senders = MINE.map((pattern) => addressPatternSchema.parse(pattern));
  const caller = { name: 'erp', keyHashes: [], applicationIds: [], senders, recipients: ['*'] };
  try {
    return {
      from: checkSender(settings, caller, block, { ...appEnvelope(['bob@x.example']), from: envelopeFrom }).from,
    };
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return { problem: error.problem, refused: error.extensions.addresses };
  }
}

const refused = (...addresses: string[]) => ({ problem: 'sender-refused', refused: addresses });
const keptFrom = [{ from: 'ceo@contoso.com', mailbox: 'scan@contoso.com', keepFrom: true }];

const cases: Record<string, [Case, Checked]> = {
  'its own address': [{ header: 'From: scan@contoso.com' }, { from: 'scan@contoso.com' }],
  'its own address in upper case': [{ header: 'FROM: SCAN@CONTOSO.COM' }, { from: 'SCAN@CONTOSO.COM' }],
  'a blank before the colon': [{ header: 'From : ceo@contoso.com' }, refused('ceo@contoso.com')],
  'an address in xn-- where the rule is in Unicode': [
    { header: 'From: a@xn--bcher-kva.example' },
    { from: 'a@xn--bcher-kva.example' },
  ],
  'two From fields, the second of somebody else': [
    { header: 'From: scan@contoso.com\r\nFrom: ceo@contoso.com' },
    refused('ceo@contoso.com'),
  ],
  'two addresses in one From': [{ header: 'From: scan@contoso.com, ceo@contoso.com' }, refused('ceo@contoso.com')],
  'a group': [{ header: 'From: Team: scan@contoso.com, ceo@contoso.com;' }, refused('ceo@contoso.com')],
  'a name that is an address, behind its own': [
    { header: 'From: =?utf-8?q?ceo=40contoso.com?= <scan@contoso.com>' },
    { from: 'scan@contoso.com' },
  ],
  'an encoded word that hides the real address': [
    { header: 'From: =?utf-8?q?scan=40contoso.com?= <ceo@contoso.com>' },
    refused('ceo@contoso.com'),
  ],
  'a Sender alone': [{ header: 'Sender: ceo@contoso.com' }, refused('ceo@contoso.com')],
  'a Sender beside its own From': [
    { header: 'From: scan@contoso.com\r\nSender: ceo@contoso.com' },
    refused('ceo@contoso.com'),
  ],
  'no From, an envelope of somebody else': [
    { header: 'Subject: x', envelopeFrom: 'ceo@contoso.com' },
    refused('ceo@contoso.com'),
  ],
  'no From, an envelope of somebody else that a rule sends through its own mailbox': [
    { header: 'Subject: x', envelopeFrom: 'ceo@contoso.com', rules: keptFrom },
    refused('ceo@contoso.com'),
  ],
  'an unreadable From, and such an envelope': [
    { header: 'From: "unclosed <scan@contoso.com>', envelopeFrom: 'ceo@contoso.com', rules: keptFrom },
    refused('ceo@contoso.com'),
  ],
  'a From that a rule replaces by its own mailbox': [
    {
      header: 'Subject: x',
      envelopeFrom: 'ceo@contoso.com',
      rules: [{ from: '*@contoso.com', mailbox: 'scan@contoso.com' }],
    },
    { from: 'scan@contoso.com' },
  ],
  'its own From that a rule sends through the mailbox of somebody else': [
    {
      header: 'From: scan@contoso.com',
      rules: [{ from: '*@contoso.com', mailbox: 'ceo@contoso.com', keepFrom: true }],
    },
    refused('ceo@contoso.com'),
  ],
};
for (const [what, [mail, expected]] of Object.entries(cases))
  test(`a caller of scan@contoso.com sends ${what}: ${'from' in expected ? 'taken' : 'refused'}`, () => {
    assert.deepEqual(checked(mail), expected);
  });
