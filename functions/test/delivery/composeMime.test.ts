// The body that Graph gets is the stored one, byte for byte, however nasty; the header is never longer than Exchange takes.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { composeMime } from '../../delivery/composeMime.ts';
import { readSettings } from '../../wiring/settings.ts';
import { aRecord } from '../storage/messageStoreContract.ts';

const settings = readSettings({ MailStorage: 'unused', GRAPH_CREDENTIAL: 'none' });
const HEADER = 'From: scan@contoso.com\r\nTo: bob@contoso.com, gone@contoso.com\r\nBcc: gone@contoso.com\r\n';

function compose(message: Buffer, to = ['bob@contoso.com', 'hidden@contoso.com']) {
  // In odd pieces, as storage gives them.
  const pieces: Buffer[] = [];
  for (let at = 0; at < message.length; at += 1021) pieces.push(message.subarray(at, at + 1021));
  return composeMime(aRecord({ size: message.length, to }), Readable.from(pieces), settings);
}

const BODIES: Record<string, [type: string, body: string]> = {
  'NUL and every other byte': ['text/plain', String.fromCharCode(...Array(256).keys())],
  'lines longer than 998': ['text/plain', `${'x'.repeat(5000)}\r\n${'y'.repeat(999)}\r\n`],
  'dots, and a blank before one': ['text/plain', '.\r\n..\r\n .\r\n. \r\n'],
  'a boundary that ends in "="': ['multipart/mixed; boundary="b="', '--b=\r\n\r\nx\r\n--b=--\r\n'],
  'soft breaks': ['text/plain', 'a=\r\nb=20=\r\n\r\n='],
  'windows-1252 without a charset': ['text/plain', 'Gr\xf6\xdfe \x80 \x96\r\n'],
  'a signature': ['multipart/signed; boundary=s', '--s\r\nBcc: inner@x.example\r\n\r\n x \r\n--s--\r\n'],
  'a small message/partial': [
    'message/partial; id="1"; number=1; total=2',
    'Bcc: inner@x.example\r\nTo: a@x.example\r\n\r\nx',
  ],
  'an attached message': ['message/rfc822', 'Bcc: inner@x.example\r\nResent-Bcc: i@x.example\r\n\r\nx'],
  'no end of line at its end': ['text/plain', 'x'],
  'empty lines at either end': ['text/plain', '\r\n\r\nx\r\n\r\n\r\n'],
  nothing: ['text/plain', ''],
};

for (const [what, [type, body]] of Object.entries(BODIES))
  test(`a body with ${what} stays as it is`, async () => {
    const composed = await compose(Buffer.from(`${HEADER}Content-Type: ${type}\r\n\r\n${body}`, 'latin1'));
    assert.ok(composed.kind === 'mime');
    const bodyStart = composed.mime.indexOf('\r\n\r\n') + 4;
    assert.ok(composed.mime.subarray(bodyStart).equals(Buffer.from(body, 'latin1')));
    const header = composed.mime.toString('latin1', 0, bodyStart);
    assert.match(header, /^Bcc: hidden@contoso\.com\r\n/);
    assert.doesNotMatch(header, /gone@/);
    assert.ok(header.includes(`Content-Type: ${type}\r\n`));
  });

test('a header that its recipients make too long is refused in words', async () => {
  const to = Array.from({ length: 500 }, (_, i) => `${'x'.repeat(40)}${i}@contoso.com`);
  const message = Buffer.from(`From: scan@contoso.com\r\n${`X: ${'x'.repeat(900)}\r\n`.repeat(270)}\r\nx`);
  const composed = await compose(message, to);
  assert.ok(composed.kind === 'impossible');
  assert.equal(composed.code, 'HeaderUnreadable');
  assert.match(composed.reason, /longer than the 256 kB/);
});
