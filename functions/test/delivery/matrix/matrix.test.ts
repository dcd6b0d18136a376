// The matrix of unknown outcomes stands in the documentation as it is tested, and the rows that matter most hold. All of
// them: matrix.thorough.ts.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { POLICIES } from '../kill/scenarios.ts';
import { sentCount } from './cell.ts';
import { MATRIX, renderMatrix } from './table.ts';

test('docs/delivery.md shows the matrix that is tested', async () => {
  const text = await readFile(new URL('../../../../docs/delivery.md', import.meta.url), 'utf8');
  const shown = text.split('<!-- matrix -->')[1]?.trim();
  assert.equal(shown, renderMatrix());
});

for (const event of ['504, sent', 'process killed before the call', 'process killed after the call'])
  for (const size of ['small', 'large'] as const)
    test(`${event}: a ${size} mail ends as the matrix says under every policy`, async (t) => {
      for (const policy of POLICIES)
        assert.equal(await sentCount(t, size, policy, event), MATRIX[event]![size]![policy], policy);
    });
