// `npm run test:corpus -- DIR`: every message below DIR through the whole relay, from an SMTP client to Graph. None is
// lost, the body's bytes stay (after line ends are made CRLF), and so does every header field that need not change.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { eventually } from '../test/harness/eventually.ts';
import { type SandboxMessage, sandboxMessages, sandboxMime, sandboxStats } from '../test/harness/sandboxClient.ts';
import { type RunningRelay, startRelay } from '../test/harness/startRelay.ts';

const directory = process.env.CORPUS_DIRECTORY ?? '';
const files = globSync('**/*.eml', { cwd: directory }).sort();
const CONNECTIONS = 8;
/** Fields that delivery may change; see docs/delivery.md. */
const CHANGED = new Set(['to', 'cc', 'bcc', 'resent-bcc', 'from', 'sender']);

let relay: RunningRelay;
const refused = new Map<string, string>();
let delivered: Map<string, SandboxMessage>;

before(async () => {
  assert.ok(files.length > 0, `There is no .eml file below ${directory || '(no directory given)'}.`);
  relay = await startRelay();
  let next = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const client = await connect(relay.smtpPort);
      for (let at = next++; at < files.length; at = next++) {
        const answer = await send(client, at);
        if (answer) refused.set(files[at]!, answer);
      }
      client.quit();
    }),
  );
  const expected = files.length - refused.size;
  await eventually(
    `${expected} messages at Graph`,
    async () => (await sandboxStats(relay.inboxUrl)).accepted >= expected,
    120_000 + files.length * 200,
  );
  const messages = await sandboxMessages(relay.inboxUrl);
  delivered = new Map(messages.flatMap((message) => message.bcc.map((address) => [address, message])));
  assert.equal(messages.length, expected, 'as many messages as were accepted');
});
after(() => relay?.stop());

for (const [at, file] of files.entries())
  test(file, async () => {
    const source = readFileSync(join(directory, file));
    const answer = refused.get(file);
    if (answer) {
      assert.ok(mayBeRefused(source), `refused: ${answer}`);
      return;
    }
    const message = delivered.get(recipient(at));
    assert.ok(message, 'it was accepted and is not at Graph');
    assert.deepEqual([message.to, message.cc, message.bcc], [[], [], [recipient(at)]]);
    const wanted = normalised(source);
    const got = await sandboxMime(relay.inboxUrl, message.id);
    const wantedBody = bodyOf(wanted);
    assert.ok(got.subarray(got.length - wantedBody.length).equals(wantedBody), 'the body changed');
    const header = got.toString('latin1', 0, got.length - wantedBody.length);
    let from = 0;
    for (const field of unchangedFields(wanted)) {
      const found = header.indexOf(field, from);
      assert.ok(found >= 0, `a header field is missing or changed: ${JSON.stringify(field.slice(0, 60))}`);
      from = found + field.length;
    }
  });

/** An address that no corpus message names: it comes into Bcc, and tells which message this is. */
function recipient(at: number): string {
  return `corpus-${at}@corpus.example`;
}

function connect(port: number): Promise<SMTPConnection> {
  return new Promise((resolve, reject) => {
    const client = new SMTPConnection({ host: '127.0.0.1', port, ignoreTLS: true, socketTimeout: 60_000 });
    client.once('error', reject);
    client.connect(() => resolve(client));
  });
}

/** Sends one message; resolves with the refusal, if it is refused. */
function send(client: SMTPConnection, at: number): Promise<string | undefined> {
  const bytes = readFileSync(join(directory, files[at]!));
  return new Promise((resolve) => {
    client.send({ from: 'corpus@contoso.com', to: [recipient(at)] }, bytes, (error) =>
      resolve(error ? error.message : undefined),
    );
  });
}

/** The message as SMTP carries it: every line end is CRLF, and the last line has one. */
function normalised(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replace(/\r\n|\r|\n/g, '\r\n');
  return Buffer.from(text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1');
}

/** What stands behind the first empty line; of a message without one, nothing can be told apart. */
function bodyOf(message: Buffer): Buffer {
  const end = message.indexOf('\r\n\r\n');
  return end < 0 ? Buffer.alloc(0) : message.subarray(end + 4);
}

/** The fields before the first line that is no field, as they stand. */
function unchangedFields(message: Buffer): string[] {
  const end = message.indexOf('\r\n\r\n');
  const lines = message.toString('latin1', 0, end < 0 ? 0 : end + 2).match(/.*\r\n(?:[ \t].*\r\n)*/g) ?? [];
  const fields: string[] = [];
  for (const line of lines) {
    const name = /^([\x21-\x39\x3b-\x7e]+)[ \t]*:/.exec(line)?.[1]?.toLowerCase();
    if (name === undefined) break;
    if (!CHANGED.has(name)) fields.push(line);
  }
  return fields;
}

/** What the relay says no to by design: a message of no bytes, with more than 256 kB of header, or that seems to loop. */
function mayBeRefused(source: Buffer): boolean {
  const message = normalised(source);
  const header = message.toString('latin1', 0, message.length - bodyOf(message).length);
  return message.length === 0 || header.length > 256 * 1024 || (header.match(/^received:/gim)?.length ?? 0) > 50;
}
