// Every cell of the matrix of unknown outcomes, as it is documented, against real processes and the sandbox.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POLICIES } from '../kill/scenarios.ts';
import { sentCount } from './cell.ts';
import { MATRIX } from './table.ts';

for (const [event, sizes] of Object.entries(MATRIX))
  for (const size of ['small', 'large'] as const)
    for (const policy of POLICIES) {
      const expected = sizes[size]?.[policy];
      if (expected !== undefined)
        test(`${event}: a ${size} mail under ${policy} ends as ${expected}`, async (t) => {
          assert.equal(await sentCount(t, size, policy, event), expected);
        });
    }
