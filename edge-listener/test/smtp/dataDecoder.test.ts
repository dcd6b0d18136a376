import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDataDecoder } from '../../src/smtp/dataDecoder.ts';
import { EdgeStream } from '../../src/smtp/edgeStream.ts';
import { notTheEnd } from '../support/notTheEnd.ts';

/** The DATA phase as RFC 5321 4.1.1.4 and 4.5.2 have it, byte by byte, with the two kindnesses of the decoder. */
function reference(input: string): { data: string; rest: string } | undefined {
  let data = '';
  for (let at = 0; at < input.length; at++) {
    const lineStart = at === 0 || input[at - 1] === '\n';
    const afterCrlf = at === 0 || (at >= 2 && input.slice(at - 2, at) === '\r\n');
    if (input[at] === '.' && lineStart) {
      if (afterCrlf && input.slice(at, at + 3) === '.\r\n') return { data, rest: input.slice(at + 3) };
      if (input[at + 1] === '.') at++;
    }
    data += input[at];
  }
  return undefined;
}

/** A repeatable sequence of numbers in [0, 1). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function decode(input: string, cuts: readonly number[], bareLfEnd = false): { data: string; rest: string } | undefined {
  const decoder = createDataDecoder({ bareLfEnd });
  const bytes = Buffer.from(input, 'latin1');
  let data = '';
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    const step = decoder.push(bytes.subarray(from, cut));
    data += step.data.toString('latin1');
    if (step.rest) return { data, rest: step.rest.toString('latin1') + input.slice(cut) };
    from = cut;
  }
  return undefined;
}

test('60,000 hostile messages end where RFC 5321 says and nowhere else, however they are cut', () => {
  const random = sequence(7);
  const alphabet = ['\r', '\n', '.', 'a', '\r\n', '\r\n.', '\0'];
  for (let n = 0; n < 60_000; n++) {
    let input = '';
    for (let i = Math.floor(random() * 14); i >= 0; i--) input += alphabet[Math.floor(random() * alphabet.length)];
    input += '\r\n.\r\nNOOP\r\n';
    const expected = reference(input);
    const everywhere = Array.from(input, (_, i) => i + 1);
    const some = everywhere.filter(() => random() < 0.3);
    for (const cuts of [[], everywhere, some])
      assert.deepEqual(decode(input, cuts), expected, `${JSON.stringify(input)} cut at ${cuts}`);
  }
});

for (const sequence of notTheEnd) {
  test(`${JSON.stringify(sequence)} does not end a message, whole or byte by byte`, () => {
    const input = `text${sequence}MAIL FROM:<smuggled@example.com>\r\n.\r\n`;
    for (const cuts of [[], Array.from(input, (_, i) => i + 1)]) {
      const result = decode(input, cuts);
      assert.equal(result?.rest, '');
      assert.match(result?.data ?? '', /MAIL FROM:<smuggled@example\.com>\r\n$/);
    }
  });
}

test('a body that begins with two dots, cut between them, is not an end of data', () => {
  assert.deepEqual(decode('..\r\nx\r\n.\r\n', [1]), { data: '.\r\nx\r\n', rest: '' });
  assert.deepEqual(decode('..\r\nx\r\n.\r\n', [2]), { data: '.\r\nx\r\n', rest: '' });
});

test('bare LF ends a message only for the clients it was switched on for', () => {
  const input = 'Subject: x\n\nhi\n.\nQUIT\n';
  assert.equal(decode(input, []), undefined);
  const everywhere = Array.from(input, (_, i) => i + 1);
  for (const cuts of [[], everywhere])
    assert.deepEqual(decode(input, cuts, true), { data: 'Subject: x\n\nhi\n', rest: 'QUIT\n' });
});

test('a message that waits at LF . LF is noticed, so that the log can say what to do', () => {
  const decoder = createDataDecoder();
  decoder.push(Buffer.from('Subject: x\n\nhi\n.\n'));
  assert.equal(decoder.endsInBareLfDot, true);
  decoder.push(Buffer.from('more\n'));
  assert.equal(decoder.endsInBareLfDot, false);
});

test('20 MB of escaped dots cost less than three seconds of CPU', async () => {
  const stream = new EdgeStream();
  const bomb = Buffer.from(`${'..\r\n'.repeat(5_000_000)}.\r\n`);
  let bytes = 0;
  let ended = false;
  stream.oncommand = (_, next) => {
    const data = stream.startDataMode();
    data.on('data', (chunk: Buffer) => (bytes += chunk.length));
    data.on('end', () => {
      ended = true;
      stream.continue();
    });
    next?.();
  };
  const started = process.cpuUsage();
  await new Promise((resolve) => stream.write('DATA\r\n', resolve));
  for (let at = 0; at < bomb.length; at += 65_536)
    await new Promise((resolve) => stream.write(bomb.subarray(at, at + 65_536), resolve));
  assert.ok(ended);
  assert.equal(bytes, 15_000_000);
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 3_000_000, `${(user + system) / 1000} ms`);
});
