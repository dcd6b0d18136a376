// One cell of the matrix: one mail of one size under one policy meets one event, and goes on until it is at rest.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { newKillableRelay } from '../kill/killedRun.ts';
import { POSTED_LARGE, type Policy, type Scenario, SMALL_202 } from '../kill/scenarios.ts';
import type { Fault } from '../large/largeRelay.ts';
import type { Size } from './table.ts';

interface Event {
  /** What Graph does to the call that sends. */
  readonly fault?: Fault;
  readonly victim?: Scenario['victim'];
  /** It is carried out, and the answer never comes. */
  readonly silent?: true;
  /** The process is killed before or after the call that sends. */
  readonly killed?: 'before' | 'after';
  /** The fault has met an earlier attempt, and its draft and its copy are gone. */
  readonly gone?: true;
}

const REFUSED = { env: { GRAPH_BASE_URL: `http://127.0.0.1:${await closedPort()}` } };

const EVENTS: Readonly<Record<string, Event>> = {
  '202': {},
  '429': { fault: { status: 429, code: 'ApplicationThrottled', retryAfter: 1 } },
  'connection refused': { victim: REFUSED },
  'no token': { victim: { noToken: true } },
  '504, not sent': { fault: { status: 504 } },
  '504, sent': { fault: { status: 504, after: true } },
  'reset, not sent': { fault: { dropConnection: true } },
  'reset, sent': { fault: { dropConnection: true, after: true } },
  'no answer in time, not sent': { fault: { hangMs: 20_000 } },
  'no answer in time, sent': { silent: true },
  'process killed before the call': { killed: 'before' },
  'process killed after the call': { killed: 'after' },
  'draft deleted, not sent': { fault: { status: 504 }, gone: true },
  'sent, and the copy deleted': { fault: { status: 504, after: true }, gone: true },
};

/** A port that nothing listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const SENDS = {
  small: { method: 'POST', path: '/sendMail$', moment: /POST sendMail$/ },
  large: { method: 'POST', path: '/send$', moment: /POST messages\/\{id\}\/send$/ },
};

/** What came of it, in the words of the table. */
export async function sentCount(t: TestContext, size: Size, policy: Policy, name: string): Promise<string> {
  const { fault, victim, silent, killed, gone } = EVENTS[name]!;
  const { method, path, moment } = SENDS[size];
  const scenario: Scenario = {
    ...(size === 'small' ? SMALL_202 : POSTED_LARGE),
    faults: [
      ...(fault ? [{ method, path, ...fault }] : []),
      // The look that follows at once tells nothing either.
      ...(gone ? [{ method: 'GET', path: '/messages/.+', status: 503 }] : []),
    ],
    ...(silent && { silence: moment }),
    ...(victim && { victim }),
    ...(gone && { draftGone: true }),
  };
  const run = await newKillableRelay(t, policy, scenario);
  const { record, story, killedAt } = await run(
    (at) => killed !== undefined && at.startsWith(killed) && moment.test(at),
  );
  if (killed && killedAt === undefined) throw new Error('The process was not killed.');
  const copies = story.filter((what) => what === 'copy').length;
  if (record.state === 'held') return `held ${copies}`;
  if (record.state !== 'sent') return `${record.state}: ${record.reason}`;
  const risk = story.indexOf('mail.duplicateRisk');
  return risk >= 0 && risk < story.lastIndexOf('copy') ? `${copies} risk` : String(copies);
}
