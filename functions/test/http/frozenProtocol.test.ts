// Edges of any age against the function app of now: what version 1 said on the wire is kept in files and said again.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { assertProblem, caller, sandbox, send } from './requests.ts';
import { type RunningRelay, startRelay } from './runningRelay.ts';

interface Exchange {
  readonly what: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
  readonly expect: {
    readonly status: number;
    readonly body?: Readonly<Record<string, unknown>>;
    readonly problem?: string;
    readonly detail?: string;
  };
}

function exchangesOf(file: string): readonly Exchange[] {
  const text = readFileSync(new URL(`../contract/frozen/v1/${file}`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { exchanges: Exchange[] }).exchanges;
}

let relay: RunningRelay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.stop());

for (const [edge, file] of [
  ['an old edge', 'edge.json'],
  ['a newer edge', 'newerEdge.json'],
] as const)
  for (const { what, request, expect } of exchangesOf(file))
    test(`${edge} ${what}`, async () => {
      const { method, path, headers, body } = request;
      const answer = await send(method, relay.url + path, headers, method === 'GET' ? undefined : body);
      if (expect.problem) {
        const { detail } = assertProblem(answer, expect.status, expect.problem);
        return assert.ok(detail.includes(expect.detail ?? ''), detail);
      }
      assert.equal(answer.status, expect.status, answer.text);
      assert.partialDeepStrictEqual(answer.json, expect.body);
    });

test('every message of theirs that was taken arrives, once and as it was', async () => {
  const taken = [...exchangesOf('edge.json'), ...exchangesOf('newerEdge.json')].filter(
    ({ request, expect }) => request.path.startsWith('/api/messages/') && expect.status === 202,
  );
  const ids = new Set(taken.map(({ expect }) => String(expect.body!.id)));
  for (const id of ids) await caller(relay).until(id, 'sent');
  const subjects = (await sandbox(relay).messages()).map(({ subject, to }) => `${subject} to ${to}`);
  assert.deepEqual(
    subjects,
    Array.from(ids, () => 'Scan to bob@contoso.com'),
  );
});
