// Whoever may send to anybody still sends only to those it named: no name, no path and no odd domain becomes another address.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readJsonMail } from '../../intake/jsonMail.ts';
import { Refusal } from '../../intake/problems.ts';

/** Who a posted mail goes to, or undefined when it is refused as one that cannot be sent. */
function recipients(mail: object): readonly string[] | undefined {
  try {
    const { to, cc, bcc } = readJsonMail(Buffer.from(JSON.stringify(mail)));
    return [...to, ...cc, ...bcc].map(({ address }) => address);
  } catch (error) {
    assert.ok(error instanceof Refusal && error.problem === 'unprocessable-message', String(error));
    return undefined;
  }
}

const ODD = ['/x', '?y', '#z', ':25', '\\x', '/', '@evil.example', '%2e', ' ', '\t', '..'];
for (const tail of ODD)
  test(`an address that ends in ${JSON.stringify(tail)} is refused, not shortened`, () => {
    for (const domain of ['contoso.com', 'bücher.example'])
      for (const address of [`bob@${domain}${tail}`, `bob@${tail}${domain}`]) {
        // Blanks around an address are no part of it.
        const exact = address === address.trim() ? undefined : [`bob@${domain.replace('bücher', 'xn--bcher-kva')}`];
        const taken = recipients({ to: { address } });
        if (taken) assert.deepEqual(taken, exact, address);
      }
  });

test('percent signs are not decoded', () => {
  assert.equal(recipients({ to: { address: 'bob@%63ontoso.com' } }), undefined);
  assert.equal(recipients({ to: 'bob@%63ontoso.com' }), undefined);
});

const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    'Eve <eve@evil.example>',
    'eve@evil.example,',
    '"eve@evil.example"',
    'a>, <eve@evil.example',
    '=?utf-8?q?eve=40evil.example?=',
    'x\r\nBcc: eve@evil.example',
    'Team: eve@evil.example;',
    '(eve@evil.example)',
  ),
);
const chosen = fc
  .tuple(fc.stringMatching(/^[a-z][a-z0-9.+_-]{0,12}$/), fc.constantFrom('contoso.com', 'a-b.example', '[192.0.2.7]'))
  .map((parts) => parts.join('@'));

test('whatever names stand beside them, exactly the chosen addresses get the mail', () => {
  const named = fc.array(fc.record({ address: chosen, name: names }), { minLength: 1, maxLength: 4 });
  let taken = 0;
  fc.assert(
    fc.property(named, named, (to, bcc) => {
      const found = recipients({ to, bcc });
      if (!found) return;
      taken++;
      assert.deepEqual(
        found,
        [...to, ...bcc].map(({ address }) => address),
      );
    }),
    { numRuns: 1500 },
  );
  assert.ok(taken > 300, `${taken} were taken`);
});

test('an address in ASCII is taken as it stands or not at all', () => {
  const piece = fc.oneof(fc.string({ unit: 'grapheme-ascii', maxLength: 8 }), fc.constantFrom(...ODD, 'contoso.com'));
  let taken = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 4 }), (pieces) => {
      const address = `bob@${pieces.join('')}`;
      const found = recipients({ to: { address } });
      if (!found) return;
      taken++;
      assert.deepEqual(found, [address.trim()]);
    }),
    { numRuns: 3000 },
  );
  assert.ok(taken > 50, `${taken} were taken`);
});
