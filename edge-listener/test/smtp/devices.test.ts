// What real devices say, byte for byte. One test per behaviour seen in the field.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { hashPassword } from '../../src/policy/passwordHash.ts';
import { type FakeRelay, startFakeRelay, type TakenMessage } from '../support/fakeRelay.ts';
import { runEdge, type TestEdge, temporaryDirectory } from '../support/runEdge.ts';
import { connectRaw, createRawClient, type RawClient } from '../support/smtpClient.ts';
import { writeCertificate } from '../support/testCertificate.ts';
import { until } from '../support/until.ts';

const directory = temporaryDirectory();
let relay: FakeRelay;
let edge: TestEdge;
const port = { auto: 0, legacy: 0, plain: 0 };

before(async () => {
  relay = await startFakeRelay();
  const clients = ['127.0.0.0/8'];
  const passwordHash = await hashPassword('geheim ü');
  const common = { host: '127.0.0.1', port: 0, clients, auth: 'optional', authBeforeTls: true };
  edge = await runEdge(relay.url, `${directory.path}/spool`, {
    defaultDomain: 'contoso.com',
    certificate: writeCertificate(directory.path),
    users: [{ name: 'scanner', passwordHash }],
    devices: [
      { name: 'old fax', clients: ['127.0.0.9'], bareLfEnd: true },
      { name: 'lists', clients: ['127.0.0.10'], recipientLists: true, recipients: ['@contoso.com'] },
      { name: 'no name', clients: ['127.0.0.11'], sender: 'alarm@contoso.com' },
    ],
    listeners: [
      { ...common, tls: 'auto' },
      { ...common, tls: 'starttls', legacyTls: true },
      { host: '127.0.0.1', port: 0, clients },
    ],
    limits: { connectionsPerAddress: 0, authFailures: 0 },
  });
  [port.auto = 0, port.legacy = 0, port.plain = 0] = edge.ports;
});
after(async () => {
  await edge.stop();
  await relay.close();
  directory.remove();
});

/** Sends these lines, each answered with the code before it; then a message. Returns what arrived. */
async function dialog(client: RawClient, ...lines: [number, string][]): Promise<TakenMessage> {
  const count = relay.taken.length + 1;
  assert.equal((await client.reply()).code, 220);
  for (const [code, line] of lines) assert.equal((await client.say(line)).code, code, line);
  const reply = await client.say('Subject: scan\r\n\r\nbody\r\n.');
  assert.equal(reply.code, 250);
  client.destroy();
  await until('the message arrives', () => relay.taken.length >= count);
  return relay.taken.at(-1)!;
}

const usual: [number, string][] = [
  [250, 'MAIL FROM:<scan@contoso.com>'],
  [250, 'RCPT TO:<bob@contoso.com>'],
  [354, 'DATA'],
];
const connect = (localAddress?: string) => connectRaw(port.plain, localAddress ? { localAddress } : {});

const senders: [string, string, string][] = [
  [
    'HP LaserJet 4345: no angle brackets, a blank after the colon',
    'MAIL FROM: HP4345ACC@brma.local',
    'HP4345ACC@brma.local',
  ],
  ['HPE iLO: the local part ends in a dot', 'MAIL FROM:<ilo.@example.com>', 'ilo.@example.com'],
  ['client without brackets and blank', 'MAIL FROM:user@host', 'user@host'],
  ['two dots in the local part', 'MAIL FROM:<a..b@example.com>', 'a..b@example.com'],
  ['a domain with its root dot', 'MAIL FROM:<a@example.com.>', 'a@example.com'],
  ['an underscore in the domain', 'MAIL FROM:<printer@my_host.local>', 'printer@my_host.local'],
  ['no domain at all', 'MAIL FROM:<printer>', 'printer@contoso.com'],
  ['a blank after the colon', 'MAIL FROM: <a@example.com>', 'a@example.com'],
  ['two blanks', 'MAIL  FROM:<a@example.com>', 'a@example.com'],
  ['blanks inside the brackets', 'MAIL FROM:< a@example.com >', 'a@example.com'],
  ['a parameter right behind the bracket', 'MAIL FROM:<a@example.com>SIZE=100', 'a@example.com'],
  ['a name before the address', 'MAIL FROM:Printer 3 <a@example.com>', 'a@example.com'],
  ['a quoted name before the address', 'MAIL FROM: "Printer, 3" <a@example.com>', 'a@example.com'],
  ['a blank before the colon', 'MAIL FROM :<a@example.com>', 'a@example.com'],
  ['Canon: lower case', 'mail from:<a@example.com>', 'a@example.com'],
  ['a source route', 'MAIL FROM:<@relay.example.com:a@example.com>', 'a@example.com'],
  ['the null sender', 'MAIL FROM:<>', ''],
  [
    'AUTH=<>, BODY and a parameter nobody knows',
    'MAIL FROM:<a@example.com> AUTH=<> BODY=8BITMIME XFOO=1',
    'a@example.com',
  ],
  ['AUTH=<> without brackets around the address', 'MAIL FROM:a@example.com AUTH=<>', 'a@example.com'],
  ['AUTH=<a> with blanks around', 'MAIL FROM: a@example.com  AUTH=<a@example.com> SIZE=100', 'a@example.com'],
];
for (const [what, line, sender] of senders) {
  test(`MAIL FROM, ${what}`, async () => {
    const { envelope } = await dialog(await connect(), [250, 'EHLO x'], [250, line], ...usual.slice(1));
    assert.equal(envelope.from, sender);
  });
}

const recipients: [string, string, string][] = [
  ['no angle brackets', 'RCPT TO: bob@contoso.com', 'bob@contoso.com'],
  ['neither brackets nor a blank', 'RCPT TO:bob@contoso.com', 'bob@contoso.com'],
  ['a blank after the colon', 'RCPT TO: <bob@contoso.com>', 'bob@contoso.com'],
  ['a name before the address', 'RCPT TO:"Bob, B." <bob@contoso.com>', 'bob@contoso.com'],
  ['parameters nobody asked for', 'RCPT TO:<bob@contoso.com> NOTIFY=NEVER XFOO=1', 'bob@contoso.com'],
  ['no domain', 'RCPT TO:<bob>', 'bob@contoso.com'],
  ['lower case', 'rcpt to:<bob@contoso.com>', 'bob@contoso.com'],
];
for (const [what, line, recipient] of recipients) {
  test(`RCPT TO, ${what}`, async () => {
    const { envelope } = await dialog(await connect(), [250, 'EHLO x'], usual[0]!, [250, line], [354, 'DATA']);
    assert.deepEqual(envelope.to, [recipient]);
  });
}

const lists: [string, string[]][] = [
  ['RCPT TO:<a@contoso.com>,<b@contoso.com>', ['a@contoso.com', 'b@contoso.com']],
  ['RCPT TO: a@contoso.com; b@contoso.com;', ['a@contoso.com', 'b@contoso.com']],
  ['RCPT TO:<a@contoso.com;b@contoso.com>', ['a@contoso.com', 'b@contoso.com']],
  ['RCPT TO:<a@contoso.com>,<A@contoso.com>', ['A@contoso.com']],
];
for (const [line, to] of lists) {
  test(`a list of recipients, from the device it was switched on for: ${line}`, async () => {
    const { envelope } = await dialog(
      await connect('127.0.0.10'),
      [250, 'EHLO x'],
      usual[0]!,
      [250, 'RCPT TO:<first@contoso.com>'],
      [250, line],
      [354, 'DATA'],
    );
    assert.deepEqual(envelope.to, ['first@contoso.com', ...to]);
  });
}

test('of a list of recipients all are taken or none, and every one is judged', async () => {
  const { envelope } = await dialog(
    await connect('127.0.0.10'),
    [250, 'EHLO x'],
    usual[0]!,
    [550, 'RCPT TO:<a@contoso.com>,<b@evil.example>'],
    [501, 'RCPT TO:<a@contoso.com>,<>'],
    [553, 'RCPT TO:<a@contoso.com>,<b@@contoso.com>'],
    [250, 'RCPT TO:<c@contoso.com>'],
    [354, 'DATA'],
  );
  assert.deepEqual(envelope.to, ['c@contoso.com']);
});

test('a list of recipients from any other device is refused', async () => {
  const client = await connect();
  await client.reply();
  for (const line of ['EHLO x', 'MAIL FROM:<a@contoso.com>']) await client.say(line);
  assert.equal((await client.say('RCPT TO:<a@contoso.com>,<b@contoso.com>')).code, 501);
  client.destroy();
});

test('the null sender of a device with a configured sender is that one', async () => {
  const { envelope } = await dialog(
    await connect('127.0.0.11'),
    [250, 'HELO'],
    [250, 'MAIL FROM:<>'],
    ...usual.slice(1),
  );
  assert.equal(envelope.from, 'alarm@contoso.com');
});

test('no name in HELO and no brackets anywhere, together', async () => {
  const { envelope } = await dialog(
    await connect(),
    [250, 'HELO'],
    [250, 'MAIL FROM: a@example.com'],
    [250, 'RCPT TO: bob@contoso.com'],
    [354, 'DATA'],
  );
  assert.equal(envelope.from, 'a@example.com');
  assert.deepEqual(envelope.to, ['bob@contoso.com']);
});

const greetings: [string, string, string][] = [
  ['UPS: an empty argument', 'HELO ', 'unknown'],
  ['Danfoss drive: no argument', 'HELO', 'unknown'],
  ['EHLO without an argument', 'EHLO', 'unknown'],
  ['HP JetDirect: an unqualified name', 'HELO NPIF65E56', 'npif65e56'],
  ['HP M477dw: an address literal', 'HELO [192.168.1.21]', '[192.168.1.21]'],
  ['two words', 'HELO my printer', 'my'],
  ['an underscore, a bracket, a dot at the end', 'HELO my_(host.', 'my_(host.'],
  ['a bare address', 'EHLO 192.168.1.21', '192.168.1.21'],
  ['300 characters', `EHLO ${'x'.repeat(300)}`, 'x'.repeat(255)],
];
for (const [what, line, helo] of greetings) {
  test(`greeting, ${what}`, async () => {
    const { envelope } = await dialog(await connect(), [250, line], ...usual);
    assert.equal(envelope.client.helo, helo);
  });
}

test('8-bit letters in HELO are no reason to refuse', async () => {
  const client = await connect();
  await client.reply();
  client.write(Buffer.from('HELO Büro\r\n', 'latin1'));
  assert.equal((await client.reply()).code, 250);
  client.destroy();
});

test('a client that never says HELO is served', async () => {
  const { envelope } = await dialog(await connect(), ...usual);
  assert.equal(envelope.client.helo, 'unknown');
});

test('IP camera: EHLO before the banner', async () => {
  const client = await connect();
  client.write('EHLO RT-IPC\r\n');
  assert.equal((await client.reply()).code, 220);
  assert.equal((await client.reply()).code, 250);
  client.destroy();
});

test('a whole session in one packet, before the banner, is served', async () => {
  const count = relay.taken.length + 1;
  const client = await connect();
  client.write(
    'EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n',
  );
  for (const code of [220, 250, 250, 250, 354, 250, 221]) assert.equal((await client.reply()).code, code);
  await client.closed;
  await until('the message arrives', () => relay.taken.length >= count);
});

test('HELO, then QUIT: a connection test', async () => {
  const client = await connect();
  await client.reply();
  assert.equal((await client.say('HELO medea')).code, 250);
  assert.equal((await client.say('QUIT')).code, 221);
  await client.closed;
});

test('going away after the 250 without QUIT is not an error', async () => {
  const errors = edge.seen('edge.connectionError').length;
  await dialog(await connect(), [250, 'EHLO x'], ...usual);
  assert.equal(edge.seen('edge.connectionError').length, errors);
});

const USER = Buffer.from('scanner').toString('base64');
const PASSWORD = Buffer.from('geheim ü').toString('base64');

test('Xerox: the prompts of AUTH LOGIN are exactly VXNlcm5hbWU6 and UGFzc3dvcmQ6', async () => {
  const client = await connectRaw(port.legacy);
  await client.reply();
  assert.match((await client.say('EHLO XC-B8C463')).text, /^250-AUTH PLAIN LOGIN\r?$/m);
  assert.equal((await client.say('AUTH LOGIN')).text, '334 VXNlcm5hbWU6');
  assert.equal((await client.say(USER)).text, '334 UGFzc3dvcmQ6');
  assert.equal((await client.say(PASSWORD)).code, 235);
  client.destroy();
});

const logins: [string, string[]][] = [
  ['LOGIN with the name in the first line', [`AUTH LOGIN ${USER}`, PASSWORD]],
  ['lower case', ['auth login', USER, PASSWORD]],
  ['PLAIN in one line', [`AUTH PLAIN ${Buffer.from('\0scanner\0geheim ü').toString('base64')}`]],
  ['PLAIN in two steps', ['AUTH PLAIN', Buffer.from('\0scanner\0geheim ü').toString('base64')]],
  ['blanks in between', [`AUTH   LOGIN   ${USER}`, ` ${PASSWORD} `]],
  ['base64 without its padding', ['AUTH LOGIN', USER.replace(/=+$/, ''), PASSWORD.replace(/=+$/, '')]],
];
for (const [what, lines] of logins) {
  test(`AUTH before TLS, ${what}`, async () => {
    const login = lines.map((line, i): [number, string] => [i === lines.length - 1 ? 235 : 334, line]);
    const { envelope } = await dialog(await connectRaw(port.legacy), [250, 'EHLO x'], ...login, ...usual);
    assert.equal(envelope.client.user, 'scanner');
  });
}

test('printers: HELO, then AUTH without EHLO', async () => {
  await dialog(
    await connectRaw(port.legacy),
    [250, 'HELO itsme'],
    [334, 'AUTH LOGIN'],
    [334, USER],
    [235, PASSWORD],
    ...usual,
  );
});

test('IP camera: EHLO, then HELO as well, then AUTH LOGIN', async () => {
  await dialog(
    await connectRaw(port.legacy),
    [250, 'EHLO localhost'],
    [250, 'HELO localhost'],
    [334, 'AUTH LOGIN'],
    [334, USER],
    [235, PASSWORD],
    ...usual,
  );
});

test('a login out of step sends the password as a command: it is refused and never logged', async () => {
  const client = await connectRaw(port.legacy);
  await client.reply();
  await client.say('HELO x');
  const canary = Buffer.from('canary-password').toString('base64');
  assert.equal((await client.say(canary)).code, 500);
  assert.equal((await client.say('NOOP')).code, 250);
  client.destroy();
  assert.ok(!JSON.stringify(edge.events).includes(canary));
});

test('a wrong password is refused, neither it nor the right one is logged', async () => {
  const client = await connectRaw(port.legacy);
  await client.reply();
  await client.say('EHLO x');
  await client.say('AUTH LOGIN');
  await client.say(USER);
  assert.match((await client.say(Buffer.from('canary-wrong').toString('base64'))).text, /^535 5\.7\.8 /);
  client.destroy();
  assert.doesNotMatch(JSON.stringify(edge.events), /canary-wrong|geheim/);
});

test('CRAM-MD5 and NTLM are answered 504', async () => {
  const client = await connectRaw(port.legacy);
  await client.reply();
  await client.say('EHLO x');
  for (const mechanism of ['CRAM-MD5', 'NTLM', 'DIGEST-MD5', 'XOAUTH2'])
    assert.equal((await client.say(`AUTH ${mechanism}`)).code, 504);
  client.destroy();
});

test('HP M477dw: TLS from the first byte on the STARTTLS port', async () => {
  const socket = tls.connect({ port: port.auto, host: '127.0.0.1', rejectUnauthorized: false });
  const { envelope } = await dialog(createRawClient(socket), [250, 'EHLO x'], ...usual);
  assert.equal(envelope.client.tls, 'TLSv1.3');
});

test('the same port serves a plain client and STARTTLS', async () => {
  await dialog(await connectRaw(port.auto), [250, 'EHLO x'], ...usual);
  const client = await connectRaw(port.auto);
  await client.reply();
  assert.match((await client.say('EHLO x')).text, /STARTTLS/);
  assert.equal((await client.say('STARTTLS')).code, 220);
  await client.startTls();
  for (const [code, line] of [[250, 'EHLO x'] as const, ...usual]) assert.equal((await client.say(line)).code, code);
  assert.equal((await client.say('Subject: x\r\n\r\n.')).code, 250);
  client.destroy();
});

for (const version of ['TLSv1', 'TLSv1.1', 'TLSv1.2'] as const) {
  test(`older HP printers, Xerox before 2017, Paradox: ${version} on a listener for old devices`, async () => {
    const client = await connectRaw(port.legacy);
    await client.reply();
    await client.say('EHLO x');
    await client.say('STARTTLS');
    await client.startTls({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' });
    assert.equal((await client.say('EHLO x')).code, 250);
    for (const [code, line] of usual) assert.equal((await client.say(line)).code, code);
    assert.equal((await client.say('Subject: x\r\n\r\n.')).code, 250);
    assert.equal(edge.seen('edge.accepted').at(-1)!.fields.tls, version);
    client.destroy();
  });
}

test('a device that knows only DHE is served by the listener for old devices', async () => {
  const client = await connectRaw(port.legacy);
  await client.reply();
  await client.say('EHLO x');
  await client.say('STARTTLS');
  await client.startTls({ maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-SHA:@SECLEVEL=0' });
  assert.equal((await client.say('EHLO x')).code, 250);
  client.destroy();
});

test('TLS 1.0 is refused where it was not asked for, and the edge lives on', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
  const client = await connectRaw(port.auto);
  await client.reply();
  await client.say('EHLO x');
  await client.say('STARTTLS');
  await assert.rejects(client.startTls(old));
  await dialog(await connectRaw(port.auto), [250, 'EHLO x'], ...usual);
});

test('HP M276n: an SSL 3.0 hello, or garbage, instead of TLS harms nobody', async () => {
  const hello = Buffer.from('160300002f0100002b0300', 'hex');
  for (const bytes of [hello, Buffer.from('\x16garbage'), Buffer.alloc(5000, 0x16)]) {
    const client = await connectRaw(port.auto);
    client.write(bytes);
    client.socket.end();
    await client.closed;
  }
  for (const bytes of [hello, Buffer.from('garbage\r\n'.repeat(100))]) {
    const client = await connectRaw(port.legacy);
    await client.reply();
    await client.say('EHLO x');
    await client.say('STARTTLS');
    client.write(bytes);
    client.socket.end();
    await client.closed;
  }
  await dialog(await connectRaw(port.legacy), [250, 'EHLO x'], ...usual);
});

test('commands smuggled in behind STARTTLS never run', async () => {
  const client = await connectRaw(port.legacy);
  await client.reply();
  await client.say('EHLO x');
  client.write('STARTTLS\r\nMAIL FROM:<smuggled@example.com>\r\nRCPT TO:<a@example.com>\r\n');
  assert.equal((await client.reply()).code, 220);
  await client.startTls();
  assert.equal((await client.say('EHLO x')).code, 250);
  assert.equal((await client.say('RCPT TO:<a@example.com>')).code, 503);
  client.destroy();
});

test('Canon i-Fax, Fuji Xerox: parts of a split scan pass as they are', async () => {
  const count = relay.taken.length + 1;
  const client = await connect();
  await client.reply();
  await client.say('HELO x');
  for (const [code, line] of usual) assert.equal((await client.say(line)).code, code);
  const part =
    'Subject: [1/3]\r\nContent-Type: message/partial; number=1; total=3;id="x@CanonTxNo"\r\n\r\nContent-Type: image/tiff\r\n';
  client.write(`${part}.\r\n`);
  assert.equal((await client.reply()).code, 250);
  await until('the message arrives', () => relay.taken.length >= count);
  assert.equal(relay.taken.at(-1)!.body.toString(), part);
  client.destroy();
});

test('old fax: a message that ends in LF . LF is taken from the device it was switched on for, as CRLF', async () => {
  const count = relay.taken.length + 1;
  const client = await connect('127.0.0.9');
  await client.reply();
  client.write('HELO fax\nMAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\n');
  for (const code of [250, 250, 250, 354]) assert.equal((await client.reply()).code, code);
  client.write('Subject: x\n\nhi\n.\n');
  assert.equal((await client.reply()).code, 250);
  await until('the message arrives', () => relay.taken.length >= count);
  assert.equal(relay.taken.at(-1)!.body.toString(), 'Subject: x\r\n\r\nhi\r\n');
  client.destroy();
});

test('and from no other device', async () => {
  const client = await connect();
  await client.reply();
  client.write('HELO fax\nMAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\n');
  for (const code of [250, 250, 250, 354]) assert.equal((await client.reply()).code, code);
  client.write('Subject: x\n\nhi\n.\n');
  await assert.rejects(client.reply(300), /No reply/);
  assert.equal((await client.say('\r\n.')).code, 250);
  client.destroy();
});
