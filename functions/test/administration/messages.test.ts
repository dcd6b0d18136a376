// `npm run messages` as an administrator runs it, over the storage that Azure runs on.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { prepareStorageAccount } from '../../../infra/local/storageAccount.ts';
import { startStorage } from '../../../infra/local/test/harness/startStorage.ts';
import { findMessages, newest } from '../../administration/findMessages.ts';
import { listFilter, readArguments } from '../../administration/messageArguments.ts';
import { azureStorage } from '../../administration/openStore.ts';
import { newMessageId } from '../../contract/messageId.ts';
import { createDeliveryQueues, type DeliveryQueues } from '../../storage/deliveryQueue.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import { createBlobMessageStore, type MessageStore } from '../../storage/messageStore.ts';
import { createMemoryStore } from '../storage/memoryStore.ts';
import { aRecord } from '../storage/messageStoreContract.ts';

const PROGRAM = fileURLToPath(new URL('../../administration/messages.ts', import.meta.url));

let storage: Awaited<ReturnType<typeof startStorage>>;
let store: MessageStore;
let queues: DeliveryQueues;
let states: ReturnType<BlobServiceClient['getContainerClient']>;

before(async () => {
  storage = await startStorage();
  await prepareStorageAccount(storage.connectionString);
  const blobs = BlobServiceClient.fromConnectionString(storage.connectionString);
  states = blobs.getContainerClient('state');
  store = createBlobMessageStore(blobs);
  queues = createDeliveryQueues(QueueServiceClient.fromConnectionString(storage.connectionString));
});
after(() => storage.stop());

function run(args: readonly string[], env: NodeJS.ProcessEnv = { MailStorage: storage.connectionString }) {
  return new Promise<{ code: number; stdout: Buffer; stderr: string }>((resolve) => {
    const options = { env: { PATH: process.env.PATH, ...env }, encoding: 'buffer', timeout: 60_000 } as const;
    execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? Number.NaN) : 0, stdout, stderr: stderr.toString() }),
    );
  });
}

const HOUR = 3600_000;
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
const BODY = randomBytes(70_000);

/** One mail in each state, of two callers who both use one id. */
const MAIL = {
  waiting: aRecord({ id: newMessageId(), acceptedAt: ago(1 * HOUR), attempts: 2, reason: 'HTTP 503: Busy' }),
  sending: aRecord({ id: newMessageId(), acceptedAt: ago(2 * HOUR), state: 'sending', mailbox: 'erp@contoso.com' }),
  sent: aRecord({
    id: newMessageId(),
    acceptedAt: ago(3 * HOUR),
    state: 'sent',
    sentAt: ago(2 * HOUR),
    due: null,
    to: ['carol@fabrikam.com', 'Bob@M\u00fcnchen.example'],
    messageId: '<scan-42@contoso.com>',
  }),
  held: aRecord({ id: newMessageId(), acceptedAt: ago(4 * HOUR), state: 'held', reason: 'Timeout: No answer' }),
  failed: aRecord({
    id: newMessageId(),
    acceptedAt: ago(5 * HOUR),
    state: 'failed',
    reason: 'ErrorSendAsDenied: Not allowed',
    client: { address: '192.0.2.9', helo: 'ups', user: '', tls: '' },
  }),
  /** Failed so long ago that its body is not kept any more; its id is another caller's too. */
  old: aRecord({
    id: newMessageId(),
    caller: 'erp',
    acceptedAt: ago(33 * 24 * HOUR),
    state: 'failed',
    reason: 'ErrorInvalidUser: There is none',
  }),
} satisfies Record<string, MessageStateRecord>;
type Name = keyof typeof MAIL;
const TWIN = { ...MAIL.old, caller: 'local', state: 'sent', acceptedAt: ago(34 * 24 * HOUR) } as const;

beforeEach(async () => {
  for await (const { name } of states.listBlobsFlat()) await states.deleteBlob(name);
  for (const record of [...Object.values(MAIL), TWIN]) {
    await store.createState(record);
    if (record.state === 'sent' || record.caller === 'erp') continue;
    const body = store.newBody(record);
    await body.write(BODY);
    await body.commit('a'.repeat(64));
  }
});

test('mail is found by state, age, sender, recipient, device, caller and Message-ID, newest first', async () => {
  const cases: [string, Name[]][] = [
    ['--older-than 210m', ['held', 'failed', 'old']],
    ['--newer-than 3h', ['waiting', 'sending']],
    ['--state failed', ['failed', 'old']],
    ['--state sent,held --newer-than 2d', ['sent', 'held']],
    ['--all --newer-than 2d', ['waiting', 'sending', 'sent', 'held', 'failed']],
    ['--from ERP@contoso.com', ['sending']],
    ['--to bob@xn--mnchen-3ya.example', ['sent']],
    ['--to @fabrikam.com', ['sent']],
    ['--to @fabrikam.com --state failed', []],
    ['--device 192.0.2.9', ['failed']],
    ['--caller erp', ['old']],
  ];
  for (const [options, expected] of cases) {
    const filter = listFilter(readArguments(['list', ...options.split(' ')]).values);
    const { records } = await newest(findMessages(store, filter, assert.fail), 100);
    assert.deepEqual(
      records.map(({ id }) => id),
      expected.map((name) => MAIL[name].id),
      options,
    );
  }
  const found = await run(['find', 'scan-42', '--json']);
  assert.deepEqual(
    found.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [MAIL.sent],
  );
  assert.equal((await run(['find', 'nowhere', '--json'])).code, 2);
});

test('a list tells what a person asks first, and says what it leaves out', async () => {
  const all = await run(['list']);
  assert.match(all.stdout.toString(), new RegExp(`^${MAIL.waiting.id}  accepted  .* tries 2  next .*\n +HTTP 503`));
  assert.match(all.stderr, /--all shows it too/);
  const bob = await run(['list', '--to', 'carol@fabrikam.com']);
  assert.match(bob.stdout.toString(), / {2}sent {2}.* -> carol@fabrikam\.com, .* {2}sent 20/);
  assert.equal(bob.stderr, '');
  assert.equal(all.stdout.toString().match(/^[0-9a-f-]{36}/gm)?.length, 5);
  const two = await run(['list', '--limit', '2']);
  assert.deepEqual(two.stdout.toString().match(/^[0-9a-f-]{36}/gm), [MAIL.waiting.id, MAIL.sending.id]);
  assert.match(two.stderr, /the newest 2 of 5/);
});

test('of many more mails than wanted the newest come first', async () => {
  const memory = createMemoryStore();
  for (let i = 0; i < 2500; i++) await memory.createState(aRecord({ acceptedAt: ago(((i * 7919) % 2500) * 1000) }));
  const { records, count } = await newest(findMessages(memory, {}, assert.fail), 3);
  assert.equal(count, 2500);
  const ages = records.map(({ acceptedAt }) => Math.round((Date.now() - Date.parse(acceptedAt)) / 1000));
  assert.deepEqual([ages[1]! - ages[0]!, ages[2]! - ages[1]!], [1, 1]);
});

test('one mail is shown with what its reason means and what helps, and its bytes are exported', async () => {
  const failed = (await run(['show', MAIL.failed.id])).stdout.toString();
  assert.match(failed, /^reason +ErrorSendAsDenied: Not allowed$/m);
  assert.match(failed, /^meaning +The mailbox that sends is not allowed/m);
  assert.match(failed, /^remedy +Grant the mailbox Send As/m);
  assert.match((await run(['show', MAIL.held.id])).stdout.toString(), /^remedy .* --may-duplicate/m);
  assert.doesNotMatch((await run(['show', MAIL.waiting.id])).stdout.toString(), /^(meaning|remedy)/m);
  assert.deepEqual(JSON.parse((await run(['show', MAIL.sent.id, '--json'])).stdout.toString()), MAIL.sent);
  const exported = await run(['export', MAIL.held.id]);
  assert.ok(exported.stdout.equals(BODY), `${exported.stdout.length} bytes; ${exported.stderr}`);
});

test('failed mail is sent again, held mail only by who says that it may arrive twice', async () => {
  const stateOf = async (key: MessageStateRecord) => (await store.readState(key))?.record.state;
  const waking = await queues.length('deliveries');
  // The older one's body is gone: it is counted, and the others are sent all the same.
  const all = await run(['retry', '--state', 'failed']);
  assert.equal(all.stdout.toString(), '1 will be sent again, 1 were refused.\n');
  assert.match(all.stderr, /no longer kept/);
  assert.equal(all.code, 1);
  assert.deepEqual([await stateOf(MAIL.failed), await stateOf(MAIL.old)], ['accepted', 'failed']);
  assert.equal(await queues.length('deliveries'), waking + 1);
  assert.equal((await run(['retry', '--state', 'failed', '--caller', 'local'])).code, 2);

  const held = await run(['retry', MAIL.held.id]);
  assert.equal(held.code, 1);
  assert.match(held.stderr, /with --may-duplicate/);
  assert.equal(await stateOf(MAIL.held), 'held');
  assert.equal((await run(['retry', MAIL.held.id, '--may-duplicate'])).code, 0);
  assert.equal(await stateOf(MAIL.held), 'accepted');
  assert.equal(await queues.length('deliveries'), waking + 2);
  assert.equal((await run(['retry', MAIL.sent.id])).code, 1);
});

test('delivery is paused and resumed', async () => {
  assert.equal((await run(['pause'])).code, 0);
  assert.equal(await store.isPaused(), true);
  assert.equal((await run(['resume'])).code, 0);
  assert.equal(await store.isPaused(), false);
});

test('of an id that two callers use, it is asked whose is meant', async () => {
  const both = await run(['show', MAIL.old.id]);
  assert.equal(both.code, 1);
  assert.match(both.stderr, /--caller: (erp, local|local, erp)\./);
  const one = await run(['show', MAIL.old.id, '--caller', 'erp']);
  assert.match(one.stdout.toString(), /^reason +ErrorInvalidUser/m);
});

test('a record that cannot be read is named, and does not hide the others', async () => {
  const id = newMessageId();
  const broken = JSON.stringify({ ...aRecord(), state: 'lost' });
  await states.getBlockBlobClient(`local/${id}`).upload(broken, broken.length);
  const listed = await run(['list', '--json']);
  assert.equal(listed.code, 1);
  assert.equal(listed.stdout.toString().trim().split('\n').length, 5);
  assert.match(listed.stderr, new RegExp(`^The record local/${id} cannot be read: state: .*$`, 'm'));
  const shown = await run(['show', id]);
  assert.equal(shown.code, 1);
  assert.match(shown.stderr, /^The record local\/\S+ cannot be read: state: [^\n]*\n$/);
});

test('what is wrong with a command is said in one sentence, by the exit codes of the help', async () => {
  const unknown = newMessageId();
  const nowhere = { HOME: tmpdir() };
  const unreachable = { MailStorage: storage.connectionString.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:9') };
  const stranger = { MailStorage: storage.connectionString.replace(/AccountKey=\w{4}/, 'AccountKey=AAAA') };
  const cases: [string, number, RegExp, NodeJS.ProcessEnv?][] = [
    [`show ${unknown}`, 2, /There is no mail/],
    [`export ${unknown}`, 2, /There is no mail/],
    [`retry ${unknown}`, 2, /There is no mail/],
    [`show ${MAIL.old.id} --caller nobody`, 2, /There is no mail .* of nobody/],
    [`export ${MAIL.sent.id}`, 1, /not kept: the mail is sent/],
    ['show 1', 64, /is not an id/],
    ['show', 64, /an ID: it is missing/],
    ['list --older-than 2w', 64, /--older-than: 2w is not a span/],
    ['list --state lost', 64, /--state: lost is none of/],
    ['list --colour', 64, /--colour/],
    ['list bob', 64, /list has nothing to do with bob/],
    ['list --data nowhere', 1, /No storage to look into: name one with --account/, nowhere],
    ['list --account Big_One', 1, /Big_One is not the name of a storage account/, nowhere],
    ['list', 1, /The storage does not answer \(.*ECONNREFUSED.*\): .* does the local relay run/, unreachable],
    ['list', 1, /The storage refuses your login/, stranger],
    ['list', 1, /one is set, and both are needed/, { MailStorage__blobServiceUri: 'https://a.blob.example' }],
  ];
  for (const [command, code, words, env] of cases) {
    const { code: actual, stdout, stderr } = await run(command.split(' '), env);
    assert.equal(actual, code, `${command}: ${stderr}`);
    assert.match(stderr, words);
    assert.match(stderr, /^[^\n]+\n$/, command);
    assert.equal(stdout.toString(), '', command);
  }
  assert.match((await run(['--help'])).stdout.toString(), /Exit codes: 0 done, 1 .*, 2 nothing was found, 64 /);
});

test('in a national cloud the account is looked for under its own names', () => {
  const location = { account: 'mail7', endpointSuffix: 'core.usgovcloudapi.net', data: '.local' };
  const blobs = 'https://mail7.blob.core.usgovcloudapi.net';
  const queues = 'https://mail7.queue.core.usgovcloudapi.net';
  assert.deepEqual(azureStorage(location, {}), { blobs, queues });
  const env = { MailStorage__blobServiceUri: blobs, MailStorage__queueServiceUri: queues };
  const unnamed = { ...location, account: undefined };
  assert.deepEqual(azureStorage(unnamed, env), { blobs, queues });
  assert.equal(azureStorage(unnamed, { ...env, MailStorage: 'UseDevelopmentStorage=true' }), undefined);
  assert.throws(() => azureStorage({ ...location, endpointSuffix: 'https://x' }, {}), /--endpoint-suffix/);
});
