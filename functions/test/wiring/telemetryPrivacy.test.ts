import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { acceptedState, type MessageStateRecord } from '../../storage/messageState.ts';
import { createRelayEvents, type EventAttributes } from '../../wiring/relayEvents.ts';

function aRecord(changes: Partial<MessageStateRecord> = {}): MessageStateRecord {
  const now = new Date().toISOString();
  const mail = {
    caller: 'plant',
    id: '01936c00-0000-7000-8000-000000000001',
    from: 'alice@contoso.com',
    to: ['bob@fabrikam.com'],
    receivedAt: now,
    edge: 'plant-7',
    client: { address: '192.0.2.7', helo: 'printer', user: '', tls: '' },
    mailbox: 'scan@contoso.com',
    messageId: '<1@printer>',
    size: 100,
    bodySha256: '',
    envelopeSha256: '',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
  };
  return { ...acceptedState(mail, now), ...changes };
}

function told(privacy: 'full' | 'domain' | 'hash', tell: (events: ReturnType<typeof createRelayEvents>) => void) {
  const all: { name: string; attributes: EventAttributes; traceparent: string | undefined }[] = [];
  tell(createRelayEvents((name, _, attributes, traceparent) => all.push({ name, attributes, traceparent }), privacy));
  return all;
}

test('addresses that a reason quotes are shown as the setting says, encoded ones of URLs too', () => {
  const reason =
    "ErrorInvalidUser: 'bob.jörg@fabrikam.com' at /users/alice%40contoso.com/sendMail, not node_modules/@azure/x";
  const failed = aRecord({ reason });
  const shown = (privacy: 'full' | 'domain' | 'hash') =>
    String(told(privacy, (events) => events.failed(failed))[0]?.attributes.reason);
  assert.equal(shown('full'), reason);
  assert.equal(
    shown('domain'),
    "ErrorInvalidUser: 'fabrikam.com' at /users/contoso.com/sendMail, not node_modules/@azure/x",
  );
  assert.match(shown('hash'), /^ErrorInvalidUser: '[0-9a-f]{16}' at \/users\/[0-9a-f]{16}\/sendMail/);
});

test('a Message-ID that is made of an address of the mail is shown as a hash, any other as it is', () => {
  const shown = (messageId: string, privacy: 'full' | 'domain') =>
    told(privacy, (events) => events.accepted(aRecord({ messageId })))[0]?.attributes.messageId;
  assert.equal(shown('<7@printer.contoso.com>', 'domain'), '<7@printer.contoso.com>');
  assert.match(String(shown('<7.Alice@printer.contoso.com>', 'domain')), /^<[0-9a-f]{16}>$/);
  assert.equal(shown('<7.alice@contoso.com>', 'full'), '<7.alice@contoso.com>');
});

test('every event of a mail names the operation that the mail came with', () => {
  const record = aRecord();
  const all = told('domain', (events) => {
    events.accepted(record);
    events.sent(record, {});
    events.retried(record, {});
    events.held(record);
    events.failed(record);
    events.duplicateRisk(record, 'Why');
    events.progress(record, 1, 2);
    events.unrewritable(record, 'signed', 'attach');
  });
  for (const { name, traceparent } of all) assert.equal(traceparent, record.traceparent, name);
});

test('the docs name every event', async () => {
  const source = await readFile(new URL('../../wiring/relayEvents.ts', import.meta.url), 'utf8');
  const docs = await readFile(new URL('../../../docs/telemetry.md', import.meta.url), 'utf8');
  const names = [...source.matchAll(/\bsink\(\s*'([\w.]+)'/g)].map(([, name]) => name);
  assert.ok(names.length > 10);
  for (const name of names) assert.ok(docs.includes(`| \`${name}\` |`), `${name}`);
});

test('a reason of any length and shape is read in no time', () => {
  const began = performance.now();
  for (const reason of ['a'.repeat(200_000), 'a.'.repeat(100_000), 'a@'.repeat(100_000), `x@${'a.'.repeat(100_000)}`])
    told('domain', (events) => events.failed(aRecord({ reason })));
  assert.ok(performance.now() - began < 3000);
});
