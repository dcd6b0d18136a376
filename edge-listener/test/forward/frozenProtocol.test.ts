// Function apps of any age against the edge of now: what version 1 answered is kept in files and answered again.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { newMessageId } from '../../../functions/contract/messageId.ts';
import type { HeartbeatAnswer } from '../../../functions/contract/relayProtocol.ts';
import { createHttpClient, type HttpClient } from '../../src/forward/httpExchange.ts';
import { createRelayClient } from '../../src/forward/relayClient.ts';
import { startHeartbeat } from '../../src/operations/heartbeat.ts';
import type { StoredMessage } from '../../src/spool/spool.ts';
import { envelopeFrom } from '../spool/spoolContract.ts';
import { until } from '../support/until.ts';

interface Said {
  readonly what: string;
  readonly answer: { readonly status: number; readonly headers: Record<string, string>; readonly body: string };
  readonly expect: string;
  readonly afterMs?: number;
}

type Frozen = Readonly<Record<'put' | 'status' | 'parts' | 'heartbeat', readonly Said[]>>;

const clouds = (['cloud', 'newerCloud'] as const).map((name) => {
  const file = new URL(`../../../functions/test/contract/frozen/v1/${name}.json`, import.meta.url);
  return [
    name === 'cloud' ? 'an old cloud' : 'a newer cloud',
    JSON.parse(readFileSync(file, 'utf8')) as Frozen,
  ] as const;
});

/** What is answered, by method and path; `{id}` stands for the last part of the path. */
const answers = new Map<string, Said['answer']>();
const asked: string[] = [];
const server = http.createServer((request, response) => {
  const route = `${request.method} ${request.url}`;
  asked.push(route);
  const { status, headers, body } = answers.get(route) ?? { status: 418, headers: {}, body: '' };
  const id = request.url!.split('/').at(-1)!;
  request.resume().on('end', () => response.writeHead(status, headers).end(body.replaceAll('{id}', id)));
});
let client: HttpClient;
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = createHttpClient({ baseUrl, maxSockets: 8, idleTimeoutMs: 5000, answerTimeoutMs: 5000 });
});
after(() => {
  client.close();
  server.close();
});

const authorization = async () => 'Bearer test-key';

function submit(id: string, bytes: Buffer, triedBefore: boolean) {
  const message: StoredMessage = {
    envelope: envelopeFrom(),
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('base64'),
    body: () => Readable.from([bytes]),
    close: async () => undefined,
  };
  const relay = createRelayClient({ http: client, compress: false, now: Date.now, authorization });
  return relay.submit(id, message, triedBefore);
}

const small = Buffer.from('Subject: x\r\n\r\n');
const taken: Said['answer'] = {
  status: 202,
  headers: { 'content-type': 'application/json' },
  body: '{"id":"{id}","state":"accepted"}',
};

for (const [cloud, { put, status, parts, heartbeat }] of clouds) {
  for (const { what, answer, expect, afterMs } of put)
    test(`${cloud} that ${what}: ${expect}`, async () => {
      const id = newMessageId();
      answers.set(`PUT /api/messages/${id}`, answer);
      const outcome = await submit(id, small, false);
      assert.equal(outcome.kind, expect, JSON.stringify(outcome));
      if (outcome.kind === 'retry') assert.equal(outcome.afterMs, afterMs);
    });

  for (const { what, answer, expect } of status)
    test(`${cloud} that, asked again, ${what}: ${expect}`, async () => {
      const id = newMessageId();
      answers.set(`GET /api/messages/${id}`, answer);
      answers.set(`PUT /api/messages/${id}`, taken);
      assert.equal((await submit(id, small, true)).kind, 'accepted');
      assert.equal(asked.includes(`PUT /api/messages/${id}`), expect === 'unknownThere');
    });

  for (const { what, answer, expect } of parts)
    test(`${cloud} that for parts ${what}: ${expect}`, async () => {
      const id = newMessageId();
      for (const { answer: unknown } of clouds[0]![1].status) answers.set(`GET /api/messages/${id}`, unknown);
      answers.set(`GET /api/messages/${id}/parts`, answer);
      answers.set(`PUT /api/messages/${id}`, taken);
      assert.equal((await submit(id, Buffer.alloc(9_000_000, 'x'), true)).kind, 'accepted');
    });

  test(`${cloud} that answers heartbeats is understood`, async () => {
    await Promise.all(
      heartbeat.map(async ({ what, answer, expect }, i) => {
        const name = `${cloud.replaceAll(' ', '-')}-${i}`;
        answers.set(`PUT /api/edges/${name}`, answer);
        let came = '';
        const stop = startHeartbeat({
          http: client,
          authorization,
          name,
          state: () => {
            const spool = { count: 0, bytes: 0, oldestSeconds: 0 };
            return { v: 1, version: '0', uptimeSeconds: 1, spool, lastError: null, listeners: [], devices: [] };
          },
          report: (_event, fields) => {
            came = (fields as { reason: string }).reason;
          },
          onAnswer: ({ maxMessageBytes }: HeartbeatAnswer) => {
            came = `limit ${maxMessageBytes}`;
          },
        });
        await until(`${cloud} ${what}`, () => came !== '').finally(stop);
        assert.ok(came.includes(expect), `${what}: ${came}`);
      }),
    );
  });
}
