import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseSender } from '../../mail/chooseSender.ts';
import { readHeaderBlock } from '../../mail/headerBlock.ts';
import { senderRulesSchema } from '../../mail/senderRules.ts';

function choose(header: string, rules: unknown = [], envelope = 'env@b.example', defaultSender?: string) {
  const block = readHeaderBlock(Buffer.from(`${header}\r\nx`, 'latin1'), true)!;
  return chooseSender(block, envelope, { rules: senderRulesSchema.parse(rules), defaultSender });
}

for (const [what, header, envelope, expected] of [
  ['From', 'From: "S" <s@b.example>\r\nSender: other@b.example\r\n', undefined, 's@b.example'],
  ['From, folded', 'From: =?utf-8?Q?S?=\r\n\t<s@b.example>\r\n', undefined, 's@b.example'],
  ['the first of two From', 'From: s@b.example\r\nFrom: t@b.example\r\n', undefined, 's@b.example'],
  ['the first usable of several in From', 'From: scanner, s@b.example\r\n', undefined, 's@b.example'],
  ['Sender, where From is unusable', 'From: scanner\r\nSender: t@b.example\r\n', undefined, 't@b.example'],
  ['Sender, where From cannot be read', 'From: "open\r\nSender: t@b.example\r\n', undefined, 't@b.example'],
  ['the envelope, where neither is there', 'Subject: x\r\n', undefined, 'env@b.example'],
  ['the envelope, where both are unusable', 'From: a\r\nSender: b\r\n', undefined, 'env@b.example'],
  ['the default, where nothing is usable', 'From: a\r\n', '', 'relay@contoso.com'],
] as const)
  test(`the sender is ${what}`, () => {
    const choice = choose(header, [], envelope, 'relay@contoso.com');
    assert.deepEqual([choice?.address, choice?.mailbox, choice?.from], [expected, expected, expected]);
  });

test('nobody is the sender where nothing names one and there is no default', () => {
  assert.equal(choose('From: a\r\n', [], ''), undefined);
});

test('the first rule that covers the sender wins, and `*` covers whoever is left', () => {
  const rules = [
    { from: 's@b.example', mailbox: 'one@contoso.com' },
    { from: '*@b.example', mailbox: 'two@contoso.com', keepFrom: true },
    { from: '*', mailbox: 'three@contoso.com' },
  ];
  const chosen = (from: string) => {
    const choice = choose(`From: ${from}\r\n`, rules);
    return [choice?.mailbox, choice?.from];
  };
  assert.deepEqual(chosen('S@B.example'), ['one@contoso.com', 'one@contoso.com']);
  assert.deepEqual(chosen('t@b.example'), ['two@contoso.com', 't@b.example']);
  assert.deepEqual(chosen('t@c.example'), ['three@contoso.com', 'three@contoso.com']);
});

test('an object id may be the mailbox where From is kept, and only there', () => {
  const mailbox = '11111111-2222-4333-8444-555555555555';
  const choice = choose('From: s@b.example\r\n', [{ from: '*', mailbox, keepFrom: true }]);
  assert.deepEqual([choice?.mailbox, choice?.from], [mailbox, 's@b.example']);
  assert.throws(() => choose('From: s@b.example\r\n', [{ from: '*', mailbox }]), /expected an address/);
});

test('every address in From and Sender is claimed, whoever sends', () => {
  const choice = choose('From: s@b.example, t@b.example\r\nFrom: u@b.example\r\nSender: v@b.example\r\n');
  assert.deepEqual(choice?.claimed, ['s@b.example', 't@b.example', 'u@b.example', 'v@b.example']);
});
