import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untilMade } from '../../wiring/untilMade.ts';

test('what could not be made is tried again by the next who needs it, and made once for all', async () => {
  let tries = 0;
  const thing = untilMade(async () => {
    tries++;
    if (tries === 1) throw new Error('storage is away');
    return { tries };
  });
  const first = await Promise.allSettled([thing(), thing()]);
  assert.deepEqual([first.map(({ status }) => status), tries], [['rejected', 'rejected'], 1]);
  const [one, two] = await Promise.all([thing(), thing()]);
  assert.equal(one, two);
  assert.equal(await thing(), one);
  assert.equal(tries, 2);
});
