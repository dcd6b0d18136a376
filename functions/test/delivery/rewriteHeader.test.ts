import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { draftMessage } from '../../delivery/large/draftMessage.ts';
import { rewriteHeader } from '../../delivery/rewriteHeader.ts';
import { addressKey } from '../../mail/addressKey.ts';
import { chooseSender, entriesOf } from '../../mail/chooseSender.ts';
import { readHeaderBlock } from '../../mail/headerBlock.ts';
import { senderRulesSchema } from '../../mail/senderRules.ts';

interface Case {
  readonly message: string;
  readonly to?: readonly string[];
  readonly envelopeFrom?: string;
  readonly rules?: unknown;
}

function rewrite({ message, to = ['a@b.example'], envelopeFrom = 'env@b.example', rules = [] }: Case): string {
  const bytes = Buffer.from(message, 'latin1');
  const block = readHeaderBlock(bytes, true)!;
  const policy = { rules: senderRulesSchema.parse(rules), defaultSender: 'relay@contoso.com' };
  const header = rewriteHeader(block, {
    recipients: to,
    sender: chooseSender(block, envelopeFrom, policy)!,
    messageId: '<id@b.example>',
    receivedAt: new Date('2026-11-23T10:00:00Z'),
  });
  return Buffer.concat([header, bytes.subarray(block.bodyStart)]).toString('latin1');
}

const COMPLETE = 'From: s@b.example\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@x>\r\n';
const withHeader = (header: string) => `${COMPLETE}${header}\r\nbody\r\n`;

test('a header that already says what the envelope says keeps every byte', () => {
  const message = withHeader('To: "Bob"\r\n <a@b.example>\r\nX-Odd :  \xe9 \r\n');
  assert.equal(rewrite({ message }), message);
});

test('who is in the envelope and not in the header is put into one Bcc on top', () => {
  const message = withHeader('To: a@b.example\r\nCc: x@b.example\r\n');
  const result = rewrite({ message, to: ['a@b.example', 'b@b.example', 'c@b.example'] });
  assert.equal(result, `Bcc: b@b.example,\r\n c@b.example\r\n${withHeader('To: a@b.example\r\n')}`);
});

test('addresses compare without regard to case and in ASCII form', () => {
  const message = withHeader('To: A@B.Example, "Ö" <o@xn--bcher-kva.example>\r\n');
  assert.equal(rewrite({ message, to: ['a@b.example', 'O@XN--BCHER-KVA.example'] }), message);
});

test('a Bcc of the input never shows, in whatever spelling', () => {
  const message = withHeader(
    'To: a@b.example\r\nBCC : secret@b.example\r\nbcc: c@b.example\r\nResent-Bcc: r@b.example\r\n',
  );
  assert.doesNotMatch(rewrite({ message }), /secret|c@b|r@b/);
});

test('an entry that goes takes nothing of its neighbours along', () => {
  const message = withHeader(
    'To: "Doe, Jane" <jane@b.example>,\r\n =?utf-8?Q?M=C3=BC?= <a@b.example>, x@b.example\r\n',
  );
  assert.match(rewrite({ message }), /\r\nTo: =\?utf-8\?Q\?M=C3=BC\?= <a@b\.example>\r\n/);
});

test('a group loses its name and keeps who is in the envelope', () => {
  const message = withHeader('To: Team: a@b.example, x@b.example;\r\nCc: undisclosed-recipients:;\r\n');
  assert.match(rewrite({ message }), /\r\nTo: a@b\.example\r\n\r\n/);
});

test('a field that cannot be read goes, and its recipients come into Bcc', () => {
  const result = rewrite({ message: withHeader('To: "open <a@b.example>\r\n') });
  assert.ok(result.startsWith('Bcc: a@b.example\r\n'));
  assert.doesNotMatch(result, /^To:/m);
});

test('two To fields become one, because a reader may look at only one of them', () => {
  const result = rewrite({
    message: withHeader('To: a@b.example\r\nTo: b@b.example\r\n'),
    to: ['a@b.example', 'b@b.example'],
  });
  assert.match(result, /\r\nTo: a@b\.example,\r\n b@b\.example\r\n/);
  assert.doesNotMatch(result, /^Bcc/m);
});

test('missing From, Date and Message-ID are added; MIME-Version only beside Content-Type', () => {
  const bare = rewrite({ message: 'To: a@b.example\r\nContent-Type: text/plain\r\n\r\nx' });
  assert.match(
    bare,
    /^From: <env@b\.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 \+0000\r\nMessage-ID: <id@b\.example>\r\nMIME-Version: 1\.0\r\n/m,
  );
  assert.doesNotMatch(rewrite({ message: 'To: a@b.example\r\n\r\nx' }), /MIME-Version/);
});

test('a null sender and no From are sent as the default sender', () => {
  assert.match(rewrite({ message: 'To: a@b.example\r\n\r\nx', envelopeFrom: '' }), /From: <relay@contoso\.com>/);
});

test('a display name that is itself an address is dropped from From', () => {
  const message = withHeader('').replace('From: s@b.example', 'From: boss@x.example <s@b.example>');
  assert.match(rewrite({ message }), /^From: <s@b\.example>\r\n/m);
});

test('of two From fields one stays: Exchange refuses both together', () => {
  const message = withHeader('To: a@b.example\r\nFrom: other@b.example\r\n');
  assert.deepEqual([...rewrite({ message }).matchAll(/^From:.*$/gm)].map(String), ['From: <s@b.example>']);
});

test('a Sender other than the sending mailbox goes, its own stays', () => {
  assert.doesNotMatch(rewrite({ message: withHeader('To: a@b.example\r\nSender: x@b.example\r\n') }), /Sender/);
  assert.match(rewrite({ message: withHeader('To: a@b.example\r\nSender: S@b.example\r\n') }), /Sender: S@/);
});

test('a sender rule replaces From and keeps the old one as Reply-To', () => {
  const message = withHeader('To: a@b.example\r\n').replace('From: s@b.example', 'From: "Scanner 3" <s@b.example>');
  const result = rewrite({ message, rules: [{ from: '*@b.example', mailbox: 'scan@contoso.com' }] });
  assert.match(result, /^From: "Scanner 3" <scan@contoso\.com>\r\nReply-To: "Scanner 3" <s@b\.example>\r\n/m);
  const kept = rewrite({ message, rules: [{ from: 's@b.example', mailbox: 'scan@contoso.com', keepFrom: true }] });
  assert.equal(kept, message);
});

test('a line that is no field cannot smuggle recipients in behind it', () => {
  const message = `${COMPLETE}To: a@b.example\r\nno field\r\nBcc: evil@b.example\r\n\r\nbody`;
  assert.match(rewrite({ message }), /To: a@b\.example\r\n\r\nno field\r\nBcc: evil/);
});

test('an entry that another reader could take for somebody else shows its address and nothing more', () => {
  const value = '=?utf-8?b?"?= <a@b.example>, =?utf-8?b?"?= <b@b.example>';
  const result = rewrite({ message: withHeader(`To: ${value}\r\n`), to: ['a@b.example', 'b@b.example'] });
  assert.match(result, /\r\nTo: <a@b\.example>,\r\n <b@b\.example>\r\n/);
  const routed = rewrite({ message: withHeader('To: <evil@x.example:a@b.example>\r\n') });
  assert.ok(routed.startsWith('Bcc: a@b.example\r\n'));
  assert.doesNotMatch(routed, /evil/);
});

test("a domain that only looks like a recipient's is another domain", () => {
  for (const other of ['a@b.example/x', 'a@b.example#.evil.example', 'a@b%2Eexample', 'a@b.exam\xadple']) {
    const result = rewrite({ message: withHeader(`To: ${other}\r\n`) });
    assert.ok(result.startsWith('Bcc: a@b.example\r\n'), other);
    assert.doesNotMatch(result, /^To:/m);
  }
});

test('a Message-ID or Date without a value counts as missing', () => {
  const result = rewrite({ message: 'From: s@b.example\r\nDate:\r\nMessage-ID: \r\nTo: a@b.example\r\n\r\nx' });
  assert.deepEqual(result.match(/^(Message-ID|Date):.*$/gim)?.length, 2);
  assert.match(result, /Message-ID: <id@b\.example>/);
});

test('an attached message keeps its Bcc: it is body', () => {
  const body = 'Content-Type: message/rfc822\r\n\r\nBcc: inner@b.example\r\n\r\nx';
  assert.ok(rewrite({ message: withHeader(`To: a@b.example\r\n\r\n--x\r\n${body}`) }).includes(body));
});

test('whatever the header says, exactly the envelope recipients get the mail, and the body stays', async () => {
  const person = fc.constantFrom('a@b.example', 'B@b.example', 'c@d.example', 'x@evil.example', 'y@evil.example');
  const spelling = fc.constantFrom(
    (address: string) => address,
    (address: string) => `Name <${address}>`,
    (address: string) => `"Last, First" <${address}>`,
    (address: string) => `=?utf-8?B?5bGx55Sw?=\r\n <${address}>`,
    (address: string) => `Team: ${address};`,
    (address: string) => `${address} (office)`,
    (address: string) => `${address} <${address}>`,
    (address: string) => `=?utf-8?q?a,b?= <${address}>`,
    (address: string) => `${address}; ${address}`,
    (address: string) => `"broken <${address}>`,
  );
  const value = fc
    .array(fc.tuple(person, spelling), { maxLength: 4 })
    .map((entries) => entries.map(([address, spell]) => spell(address)).join(','));
  const field = fc.tuple(fc.constantFrom('To', 'Cc', 'Bcc', 'TO', 'cc', 'Resent-Bcc', 'X-To'), value);
  await fc.assert(
    fc.asyncProperty(
      fc.array(field, { maxLength: 6 }),
      fc.uniqueArray(person, { minLength: 1 }),
      fc.string(),
      async (fields, to, body) => {
        const header = fields.map(([name, text]) => `${name}: ${text}\r\n`).join('');
        const result = rewrite({ message: `${header}\r\n${body}`, to });
        assert.ok(result.endsWith(`\r\n\r\n${body}`));
        const parsed = await simpleParser(Buffer.from(result, 'latin1'));
        const delivered = [parsed.to, parsed.cc, parsed.bcc]
          .flatMap((list) => list ?? [])
          .flatMap((list) => list.value)
          .flatMap(({ address, group }) => (group ? group.map((member) => member.address) : [address]))
          .map((address) => address?.toLowerCase());
        assert.deepEqual([...new Set(delivered)].sort(), to.map((address) => address.toLowerCase()).sort());
      },
    ),
    { numRuns: 500 },
  );
});

test('every other field keeps its bytes and its place, hidden recipients stand in the top Bcc alone, the body stays', () => {
  const CHANGED = /^(?:to|cc|bcc|resent-bcc|from|sender|reply-to|date|message-id|mime-version)$/;
  const listed = fc.constantFrom('a@b.example', 'hidden@x.example', 'Team: a@b.example;', '"open', '');
  const spelt = fc.constantFrom(
    's@b.example',
    '"S, T" <s@b.example>',
    'boss@x.example <s@b.example>',
    's@b.example; t@b.example',
    '=?utf-8?q?a,b?= <S@B.example>',
    '"open <s@b.example>',
    '',
  );
  const name = (...names: string[]) => fc.constantFrom(...names);
  const field = fc.oneof(
    fc.tuple(name('To', 'CC', 'bcc', 'Bcc ', 'Resent-BCC'), listed),
    fc.tuple(name('From', 'Sender', 'REPLY-TO'), spelt),
    fc.tuple(
      name('Subject', 'X-Odd', 'Received', 'Resent-To', 'X-Bcc'),
      name('x', ' \xe9\r\n\t folded ', 'Bcc: e@x.example'),
    ),
  );
  const part = fc.constantFrom(
    'Bcc: inner@x.example\r\n',
    '\r\n',
    '--x\r\n',
    '\0\xff.\r\n',
    ' .\r\nTo: b@x.example\r\n',
    'x',
  );
  const rules = fc.constantFrom(
    [],
    [{ from: '*@b.example', mailbox: 'scan@contoso.com' }],
    [{ from: 's@b.example', mailbox: 'scan@contoso.com', keepFrom: true }],
  );
  const unchanged = (block: ReturnType<typeof readHeaderBlock>) =>
    block!.fields.filter((each) => !CHANGED.test(each.name)).map(({ raw }) => raw);
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), fc.array(part, { maxLength: 6 }), rules, (fields, parts, rule) => {
      const header = fields.map(([title, value]) => `${title}: ${value}\r\n`).join('');
      const body = Buffer.from(parts.join(''), 'latin1');
      const to = ['a@b.example', 'hidden@x.example'];
      const result = rewrite({ message: `${header}\r\n${body.toString('latin1')}`, to, rules: rule });
      const bytes = Buffer.from(result, 'latin1');
      const before = readHeaderBlock(Buffer.from(`${header}\r\n`, 'latin1'), true);
      const after = readHeaderBlock(bytes, true)!;
      assert.deepEqual(unchanged(after), unchanged(before));
      assert.ok(bytes.subarray(after.bodyStart).equals(body));
      const named = (wanted: string) => after.fields.filter((each) => each.name === wanted);
      assert.ok(named('bcc').length <= 1 && named('resent-bcc').length === 0);
      if (named('bcc').length === 1) assert.equal(after.fields[0], named('bcc')[0]);
      const shown = [...named('to'), ...named('cc')].map(({ raw }) => raw).join('');
      for (const address of to)
        assert.notEqual(shown.includes(address), (named('bcc')[0]?.raw ?? '').includes(address), address);
      assert.equal(named('from').length, 1);
      const [from] = entriesOf(after, 'from');
      assert.equal(entriesOf(after, 'from').length, 1);
      assert.doesNotMatch(from!.displayName, /@/);
      for (const { address } of entriesOf(after, 'sender'))
        assert.equal(addressKey(address!), addressKey(from!.address!));
    }),
    { numRuns: 500 },
  );
});

test('a draft goes to exactly the envelope recipients, whatever the header says', () => {
  const person = fc.constantFrom('a@b.example', 'B@b.example', 'c@d.example', 'x@evil.example');
  const spelling = fc.constantFrom(
    (address: string) => address,
    (address: string) => `"Last, First" <${address}>`,
    (address: string) => `Team: ${address};`,
    (address: string) => `${address} <${address}>`,
    (address: string) => `<x@evil.example:${address}>`,
    (address: string) => `=?utf-8?b?"?= <${address}>`,
    (address: string) => `"broken <${address}>`,
  );
  const field = fc.tuple(fc.constantFrom('To', 'Cc', 'Bcc', 'TO', 'Resent-Bcc'), person, spelling);
  fc.assert(
    fc.property(fc.array(field, { maxLength: 6 }), fc.uniqueArray(person, { minLength: 1 }), (fields, to) => {
      const lines = fields.map(([name, address, spell]) => `${name}: ${spell(address)}\r\n`).join('');
      const header = readHeaderBlock(Buffer.from(rewrite({ message: `${lines}\r\nx`, to }), 'latin1'), true)!;
      const draft = draftMessage({ header, messageId: '<1@x>', mark: 'm' }, { contentType: 'text', content: '' });
      const got = [draft.toRecipients, draft.ccRecipients, draft.bccRecipients].flat();
      const keys = got.map(({ emailAddress }) => addressKey(emailAddress.address));
      assert.deepEqual([...new Set(keys)].sort(), to.map(addressKey).sort());
    }),
    { numRuns: 500 },
  );
});
