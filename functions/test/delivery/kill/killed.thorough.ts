// A worker that is killed at every moment of the delivery loses nothing, and sends twice only where `resend` says so, and
// then tells of it beforehand.
import { test } from 'node:test';
import { killEverywhere } from './killedRun.ts';
import { SCENARIOS } from './scenarios.ts';

for (const scenario of SCENARIOS)
  for (const policy of scenario.policies)
    test(`${policy}: ${scenario.name}, killed at every moment`, (t) => killEverywhere(t, policy, scenario));
