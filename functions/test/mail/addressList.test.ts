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
  ['<evil@x.example:ok@b.example>', [undefined]],
  ['<evil@x.example,foo:ok@b.example>', [undefined]],
  ['<evil@x.example;:ok@b.example>', [undefined]],
  ['Societ\xc3\xa0 Rossi <p@c.example>', ['p@c.example']],
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
  assert.ok(entry?.doubtful);
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

for (const [what, value] of [
  ['a name that is an address once it is decoded', '=?utf-8?B?ZXZpbEB4LmNvbQ==?= <ok@b.example>'],
  ['a quote inside a B-encoded word', '=?utf-8?b?"?= <ok@b.example>'],
  ['a comma inside a B-encoded word', '=?utf-8?b?,evil,?= <ok@b.example>'],
  ['brackets in the name', '[a, b] <ok@b.example>'],
  ['an address in a comment', '(ceo@x.example) <ok@b.example>'],
  ['a route', '<@relay.example:ok@b.example>'],
  ['a control character', 'a\x01b <ok@b.example>'],
] as const)
  test(`${what} makes an entry doubtful: only its address may be shown`, () => {
    assert.deepEqual(
      readAddressList(value)?.entries.map(({ address, doubtful }) => [address, doubtful]),
      [['ok@b.example', true]],
    );
  });

for (const value of [
  'Bob <ok@b.example>',
  '"Doe, J. (x)" <ok@b.example>',
  'ok@b.example (office)',
  '=?utf-8?B?5bGx?= <ok@b.example>',
])
  test(`${value} is beyond doubt`, () => assert.equal(readAddressList(value)?.entries[0]?.doubtful, false));
