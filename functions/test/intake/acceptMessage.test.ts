// Every order in which requests for one id can meet: the mail is promised once, and nothing of another stays behind.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { acceptMessage, type Submission } from '../../intake/acceptMessage.ts';
import { Refusal } from '../../intake/problems.ts';
import { receiveBody } from '../../intake/receiveBody.ts';
import { appEnvelope } from '../../intake/requestEnvelope.ts';
import type { MessageStateRecord } from '../../storage/messageState.ts';
import type { MessageStore } from '../../storage/messageStore.ts';
import { createRelayEvents } from '../../wiring/relayEvents.ts';
import { readSettings } from '../../wiring/settings.ts';
import { createMemoryQueues, createMemoryStore } from '../storage/memoryStore.ts';

const settings = readSettings({ MailStorage: 'x', GRAPH_CREDENTIAL: 'none' });
const caller = {
  name: 'app',
  keyHashes: [],
  applicationIds: [],
  senders: ['*@contoso.com'],
  recipients: ['*'],
};
const MAIL = 'From: scan@contoso.com\r\nTo: bob@contoso.com\r\n\r\nHello\r\n';
const OTHER = MAIL.replace('Hello', 'Other');

function intake(wrap: (store: MessageStore) => MessageStore = (store) => store) {
  const [memory, queues] = [createMemoryStore(), createMemoryQueues()];
  const accepted: string[] = [];
  const events = createRelayEvents((name) => accepted.push(name), 'domain');
  const options = { settings, store: wrap(memory), queues, events };
  const id = randomUUID();
  const key = { caller: 'app', id };
  const submit = (text = MAIL, to = ['bob@contoso.com']) =>
    acceptMessage(options, caller, submission(id, text, to)).catch((error: unknown) => {
      assert.ok(error instanceof Refusal, String(error));
      return error.problem;
    });
  const change = async (changes: Partial<MessageStateRecord>) => {
    const { record, etag } = (await memory.readState(key))!;
    await memory.replaceState({ ...record, ...changes }, etag);
  };
  return { id, key, submit, change, memory, queues, accepted };
}

function submission(id: string, text: string, to: string[]): Submission {
  return {
    id,
    envelope: appEnvelope(to),
    traceparent: null,
    receive: (maxBytes, write) => receiveBody(chunks(text), maxBytes, write),
  };
}

async function* chunks(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

test('a new mail costs no reading: body, state and wake-up are written, nothing else is asked', async () => {
  const asked: string[] = [];
  const { submit, accepted, queues } = intake(
    (store) =>
      new Proxy(store, {
        get(target, name, receiver) {
          asked.push(String(name));
          return Reflect.get(target, name, receiver);
        },
      }),
  );
  await submit();
  assert.deepEqual(asked, ['newBody', 'createState']);
  assert.deepEqual(accepted, ['mail.accepted']);
  assert.equal(queues.sent.length, 1);
});

for (const state of ['accepted', 'sending', 'sent', 'held', 'failed'] as const)
  test(`a replay while the mail is ${state} is answered so, wakes it only if it waits, and leaves no body behind`, async () => {
    const { id, key, submit, change, memory, queues, accepted } = intake();
    await submit();
    await change({ state });
    if (state === 'sent') await memory.deleteBody(key);
    assert.deepEqual(await submit(), { id, state });
    assert.equal(await submit(OTHER), 'conflict');
    assert.equal(await submit(MAIL, ['eve@contoso.com']), 'conflict');
    assert.equal(memory.bodies.has(`app/${id}`), state !== 'sent');
    assert.equal(String(memory.bodies.get(`app/${id}`)?.bytes ?? MAIL), MAIL);
    assert.equal(queues.sent.length, state === 'accepted' ? 2 : 1);
    assert.equal(accepted.length, 1);
  });

test('of many at once, one promises and all answer; others are conflicts', async () => {
  const { id, submit, memory, accepted } = intake();
  const answers = await Promise.all([submit(), submit(), submit(), submit(), submit()]);
  assert.ok(answers.every((answer) => typeof answer === 'object' && answer.id === id));
  assert.equal(await submit(OTHER), 'conflict');
  assert.equal(accepted.length, 1);
  assert.equal(String(memory.bodies.get(`app/${id}`)?.bytes), MAIL);
});

for (const outcome of ['sent', 'failed'] as const)
  test(`a twin that makes the state with our body, and is ${outcome} before we look, keeps what belongs to it`, async () => {
    let twin: (() => Promise<unknown>) | undefined;
    const { id, key, submit, change, memory } = intake((store) => ({
      ...store,
      async createState(record) {
        const run = twin;
        twin = undefined;
        await run?.();
        return store.createState(record);
      },
    }));
    twin = async () => {
      assert.deepEqual(await submit(), { id, state: 'accepted' });
      await change({ state: outcome });
      if (outcome === 'sent') await memory.deleteBody(key);
    };
    assert.deepEqual(await submit(), { id, state: outcome });
    assert.equal(memory.bodies.has(`app/${id}`), outcome === 'failed');
  });

test('a body that an attempt left before its state is adopted while it is young, and in the way once it is old', async () => {
  const { id, submit, memory } = intake();
  const sha256 = createHash('sha256').update(MAIL).digest('hex');
  const left = { bytes: Buffer.from(MAIL), sha256, createdAt: new Date(Date.now() - 23.5 * 3600_000) };
  memory.bodies.set(`app/${id}`, left);
  assert.equal(await submit(), 'unavailable');
  assert.equal(await submit(OTHER), 'conflict');
  memory.bodies.set(`app/${id}`, { ...left, createdAt: new Date() });
  assert.deepEqual(await submit(), { id, state: 'accepted' });
});

test('a body that vanishes between our try and our look means: ask again', async () => {
  const { id, submit, memory } = intake((store) => ({
    ...store,
    async describeBody(key) {
      await store.deleteBody(key);
      return store.describeBody(key);
    },
  }));
  memory.bodies.set(`app/${id}`, { bytes: Buffer.from(MAIL), sha256: 'x', createdAt: new Date() });
  assert.equal(await submit(), 'unavailable');
});

test('a caller sends only as and only to what its rules give it, and nothing stays of what was refused', async () => {
  const { submit, memory, accepted } = intake();
  assert.equal(await submit(MAIL.replace('scan@contoso.com', 'ceo@fabrikam.com')), 'sender-refused');
  assert.equal(await submit(`Sender: ceo@fabrikam.com\r\n${MAIL}`), 'sender-refused');
  assert.deepEqual([memory.bodies.size, memory.states.size, accepted.length], [0, 0, 0]);
});
