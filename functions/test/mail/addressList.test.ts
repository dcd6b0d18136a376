import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readAddressList } from '../../mail/addressList.ts';

const addresses = (value: string) => readAddressList(value)?.entries.map(({ address }) => address);

for (const [value, expected] of [
  ['a@b.example', ['a@b.example']],
  ['Bob <bob@b.example>', ['bob@b.example']],
  ['"Doe, Jane" <jane@b.example>, x@y.example', ['jane@b.example', 'x@y.example']],
  ['=?utf-8?Q?M=C3=BCller,_J?= <j@b.example>', ['j@b.example']],
  ['=?utf-8?q?a,b?= <j@b.example>', ['j@b.example']],
  ['Team: a@b.example, "C" <c@d.example>;', ['a@b.example', 'c@d.example']],
  ['undisclosed-recipients:;', []],
  ['a@b.example; c@d.example', ['a@b.example', 'c@d.example']],
  ['a@b.example (comment, with (nested) comma), c@d.example', ['a@b.example', 'c@d.example']],
  ['<@relay.example,@other.example:a@b.example>', ['a@b.example']],
  ['"quoted local"@b.example', ['"quoted local"@b.example']],
  ['a@[192.0.2.1]', ['a@[192.0.2.1]']],
  [',, a@b.example ,', ['a@b.example']],
  ['Scanner', [undefined]],
  ['a@b.example c@d.example', [undefined]],
  ['<a@b.example> <evil@d.example>', [undefined]],
  ['"a@b.example" <evil@d.example>', ['evil@d.example']],
  ['a@b.example <evil@d.example>', ['evil@d.example']],
  ['a@b@c.example', [undefined]],
] as const)
  test(`${value} holds ${expected.join(' ') || 'nobody'}`, () => assert.deepEqual(addresses(value), expected));

for (const value of ['"open <a@b.example>', 'a (open', 'Bob <a@b.example'])
  test(`${value} cannot be read as a list`, () => assert.equal(readAddressList(value), undefined));

test('an entry keeps its own bytes, folds and all', () => {
  const list = readAddressList(' =?utf-8?B?5bGx?=\r\n <a@b.example> ,\r\n\tc@d.example\r\n');
  assert.deepEqual(
    list?.entries.map(({ text }) => text),
    ['=?utf-8?B?5bGx?=\r\n <a@b.example>', 'c@d.example'],
  );
});

test('a display name that reads like an address is told', () => {
  const [entry] = readAddressList('boss@x.example <scan@b.example>')!.entries;
  assert.ok(entry?.nameHoldsAddress);
});

test('no text makes it throw or take long', () => {
  const piece = fc.constantFrom(
    '"',
    '(',
    ')',
    '<',
    '>',
    ',',
    ';',
    ':',
    '@',
    '\\',
    'a',
    ' ',
    '\r\n ',
    '=?u?q?',
    '?=',
    '[',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      readAddressList(pieces.join(''));
    }),
    { numRuns: 3000 },
  );
  for (const hostile of ['(', '"', '<', '=?', 'a@', ',', ':', '@,'])
    readAddressList(hostile.repeat(250_000 / hostile.length));
});
