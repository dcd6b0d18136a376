// A message that is all header: it is refused as soon as that is clear, takes no memory, and nobody waits for it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { after, before, test } from 'node:test';
import { newMessageId } from '../../contract/messageId.ts';
import { PROBLEM_TYPE_BASE } from '../../contract/relayProtocol.ts';
import { aMessage, caller, edgeHeaders } from './requests.ts';
import { type RunningRelay, startRelay } from './runningRelay.ts';

const HEADER_BYTES = 100_000_000;
/** How much a process may grow. */
const MOST_MB = 80;
const GIVE_UP_MS = 60_000;

let relay: RunningRelay;
let local: ReturnType<typeof caller>;
before(async () => {
  relay = await startRelay({ LARGE_MAIL: 'on', MAX_MESSAGE_BYTES: '150000000' });
  local = caller(relay);
});
after(() => relay?.stop());

/** The most memory the worker ever had, in MB. */
async function mostMemory(): Promise<number> {
  const [pid] = await relay.workers();
  return Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) * 0.001024;
}

interface Early {
  readonly status: number;
  readonly text: string;
}

/** Sends a header without a length, and goes on sending it whatever is answered; `halfWay` runs in the middle of it. */
async function sendHeader(method: string, path: string, line: string, halfWay: () => Promise<void>): Promise<Early> {
  const headers = { ...edgeHeaders(Buffer.alloc(0), { 'content-digest': undefined }), 'transfer-encoding': 'chunked' };
  const request = httpRequest(relay.url + path, { method, headers, timeout: GIVE_UP_MS });
  const answer = new Promise<Early>((resolve, reject) => {
    request.on('error', reject).on('timeout', () => request.destroy(new Error('No answer.')));
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
  });
  let answered = false;
  // Where it fails is told by whoever awaits the answer.
  const over = answer
    .catch(() => {})
    .then(() => {
      answered = true;
    });
  const block = Buffer.from(line.repeat(Math.ceil(65_536 / line.length)));
  request.write('From: scan@contoso.com\r\nTo: bob@contoso.com\r\nX-Scanner: a');
  let waiting: Promise<void> | undefined;
  for (let sent = 0; sent < HEADER_BYTES && !answered; sent += block.length) {
    if (sent > 128 * 1024) waiting ??= halfWay();
    if (!request.write(block)) await Promise.race([new Promise((resolve) => request.once('drain', resolve)), over]);
  }
  await (waiting ?? halfWay());
  request.end();
  return answer;
}

for (const [what, line] of [
  ['of fields', '\r\nX-Scanner: second floor'],
  ['of one folded field', '\r\n second floor'],
  ['of one line', 'second floor '],
] as const)
  for (const [method, path] of [
    ['PUT', () => `/api/messages/${newMessageId()}`],
    ['POST', () => '/api/messages'],
  ] as const)
    test(`${method}: a header of 100 MB ${what} is answered with 422, and other mail is taken meanwhile`, async (t) => {
      const before = await mostMemory();
      const beside = newMessageId();
      const answer = await sendHeader(method, path(), line, async () => {
        assert.equal((await local.put(beside, aMessage())).status, 202);
      });
      assert.equal(answer.status, 422, answer.text);
      const { type, detail } = JSON.parse(answer.text) as { type: string; detail: string };
      assert.equal(type, `${PROBLEM_TYPE_BASE}unprocessable-message`);
      assert.match(detail, /header does not end within 262144 bytes/);
      await local.until(beside, 'sent');
      const grown = Math.round((await mostMemory()) - before);
      t.diagnostic(`${grown} MB more`);
      assert.ok(grown < MOST_MB, `${grown} MB more`);
    });
