import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLineEndingNormaliser } from '../../contract/lineEndings.ts';

/** What the normaliser must yield, said in one line. */
const reference = (text: string) => text.replace(/\r\n|\r|\n/g, '\r\n');

function normalise(chunks: Buffer[]): string {
  const normaliser = createLineEndingNormaliser();
  return Buffer.concat(chunks.map((chunk) => normaliser.push(chunk))).toString('latin1');
}

test('every CR, LF and CRLF becomes CRLF wherever the chunks are cut', () => {
  const text = fc.string({ unit: fc.constantFrom('\r', '\n', 'a', '.'), maxLength: 30 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(30)), (source, cuts) => {
      const at = [...new Set(cuts.map((cut) => Math.min(cut, source.length)))].sort((a, b) => a - b);
      const chunks = [...at, source.length].map((end, i) => Buffer.from(source.slice(at[i - 1] ?? 0, end), 'latin1'));
      assert.equal(normalise(chunks), reference(source));
    }),
    { numRuns: 5000 },
  );
});

test('a chunk that is clean already is passed on as it is, not copied', () => {
  const chunk = Buffer.from('Subject: x\r\n\r\nbody\r\n');
  assert.equal(createLineEndingNormaliser().push(chunk), chunk);
});

test('every byte but CR and LF comes through', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i).filter((b) => b !== 10 && b !== 13));
  assert.equal(normalise([bytes]), bytes.toString('latin1'));
});
