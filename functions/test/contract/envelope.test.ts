import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeEnvelope, type Envelope, encodeEnvelope, MAX_ENVELOPE_LENGTH } from '../../contract/envelope.ts';

const envelope: Envelope = {
  v: 1,
  from: 'scan@contoso.com',
  to: ['bob@contoso.com', 'eve@fabrikam.com'],
  receivedAt: '2026-11-23T10:00:00.000Z',
  edge: 'plant-7',
  client: { address: '192.0.2.7', helo: 'NPI日本', user: '', tls: 'TLSv1.3' },
};
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('an envelope survives encoding, whatever the client called itself', () => {
  assert.deepEqual(decodeEnvelope(encodeEnvelope(envelope)), { ok: true, envelope });
});

test('the encoded form is plain base64url of the JSON, as other tools make it', () => {
  assert.equal(encodeEnvelope(envelope), encode(envelope));
});

test('an old edge that knows fewer fields, and a new one that knows more, are both read', () => {
  const least = decodeEnvelope(encode({ v: 1, from: '', to: ['a@b'] }));
  assert.ok(least.ok && least.envelope.from === '' && least.envelope.client.address === '');
  assert.ok(decodeEnvelope(encode({ ...envelope, colour: 'blue', client: { ...envelope.client, vlan: 7 } })).ok);
});

for (const [what, header] of [
  ['is not base64url', 'a b'],
  ['is not JSON', Buffer.from('{').toString('base64url')],
  ['is not UTF-8', Buffer.from([0x22, 0xff, 0x22]).toString('base64url')],
  ['is an array', encode([])],
  ['has another version', encode({ ...envelope, v: 2 })],
  ['has no sender', encode({ v: 1, to: ['a@b'] })],
  ['has a recipient that is a number', encode({ ...envelope, to: [7] })],
  ['has an impossible time', encode({ ...envelope, receivedAt: 'yesterday' })],
  ['has a time of another age', encode({ ...envelope, receivedAt: '+012026-01-01T00:00:00Z' })],
  ['has a time that becomes one', encode({ ...envelope, receivedAt: '9999-12-31T23:59:59-12:00' })],
  ['is too long', encode({ ...envelope, edge: 'x'.repeat(MAX_ENVELOPE_LENGTH) })],
] as const)
  test(`an envelope that ${what} is refused with 400`, () => {
    const reading = decodeEnvelope(header);
    assert.ok(!reading.ok && reading.status === 400 && reading.detail.startsWith('x-relay-envelope'));
  });

test('an envelope without recipients, or with impossible addresses, is refused with 422 that names them', () => {
  const none = decodeEnvelope(encode({ ...envelope, to: [] }));
  assert.ok(!none.ok && none.status === 422);
  const bad = decodeEnvelope(
    encode({ ...envelope, to: ['ok@b.example', 'a b@c', 'x@y\r\nBcc: z@z', '<a@b>', 'a@b,c@d'] }),
  );
  assert.ok(!bad.ok && bad.status === 422);
  assert.deepEqual(bad.addresses, ['a b@c', 'x@y\r\nBcc: z@z', '<a@b>', 'a@b,c@d']);
});

test('anything at all is read or refused with 400 or 422, never thrown at', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((json) => Buffer.from(json).toString('base64url')),
      ),
      (header) => {
        const reading = decodeEnvelope(header);
        assert.ok(reading.ok || reading.status === 400 || reading.status === 422);
      },
    ),
  );
});
