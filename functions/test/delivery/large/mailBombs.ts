// Messages built to choke whoever parses them. They are made as they are read: a bomb of any size takes little memory.

export interface MailBomb {
  readonly what: string;
  /** The stored message; each call makes it from its beginning. */
  bytes(): Generator<Buffer>;
}

/** A text of one character per byte, perhaps many times, or what makes the texts. */
type Piece = string | readonly [text: string, times: number] | (() => Generator<string>);

const BLOCK_BYTES = 64 * 1024;

function* bytesOf(pieces: readonly Piece[]): Generator<Buffer> {
  for (const piece of pieces)
    if (typeof piece === 'string') yield Buffer.from(piece, 'latin1');
    else if (typeof piece === 'function') for (const text of piece()) yield Buffer.from(text, 'latin1');
    else yield* repeated(...piece);
}

/** The same block again and again, and what is left. */
function* repeated(text: string, times: number): Generator<Buffer> {
  const perBlock = Math.max(1, Math.floor(BLOCK_BYTES / text.length));
  const block = Buffer.from(text.repeat(perBlock), 'latin1');
  for (let left = times; left > 0; left -= perBlock)
    yield left >= perBlock ? block : block.subarray(0, left * text.length);
}

const FIELDS = 'From: scan@contoso.com\r\nTo: bob@contoso.com\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n';

const bomb = (what: string, ...pieces: Piece[]): MailBomb => ({ what, bytes: () => bytesOf(pieces) });
/** One body of that type. */
const flat = (what: string, type: string, ...body: Piece[]) =>
  bomb(what, `${FIELDS}Content-Type: ${type}\r\n\r\n`, ...body);
/** One part with that header, and what else stands behind it. */
const part = (what: string, header: string, ...body: Piece[]) =>
  flat(what, 'multipart/mixed; boundary=b', `--b\r\n${header}\r\n\r\n`, ...body, '\r\n--b--\r\n');
/** Containers in each other, each with a boundary of its own, a thousand at a time. */
const nested = (levels: number) =>
  function* (): Generator<string> {
    for (let from = 0; from < levels; from += 1000) {
      const numbers = Array.from({ length: Math.min(1000, levels - from) }, (_, n) => from + n);
      yield numbers.map((n) => `Content-Type: multipart/mixed; boundary="b${n}"\r\n\r\n--b${n}\r\n`).join('');
    }
  };

const FILL: Piece = ['x', 3_000_000];
const IMAGE = '--b\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n';
const QUOTED = 'Content-Transfer-Encoding: quoted-printable';
const ATTACHED = 'Content-Type: application/pdf; name=a.pdf';
const STATUS = 'Final-Recipient: rfc822; bob@contoso.com\r\nAction: failed\r\n\r\n';

export const BOMBS: readonly MailBomb[] = [
  bomb(
    '290 levels of parts and a million lines that may be boundaries',
    FIELDS,
    nested(290),
    'Content-Type: application/pdf\r\n\r\n',
    ['--\r\n--b\r\nx\r\n', 350_000],
  ),
  bomb('ten thousand levels of parts', FIELDS, nested(10_000), FILL),
  bomb(
    'ten thousand messages in each other',
    `${FIELDS}Content-Type: message/rfc822\r\n\r\n`,
    [`${FIELDS}Content-Type: message/rfc822\r\n\r\n`, 10_000],
    FILL,
  ),
  part('ten thousand messages in each other, attached', 'Content-Type: message/rfc822', [
    `${FIELDS}Content-Type: message/rfc822\r\n\r\n`,
    30_000,
  ]),
  flat('a million parts', 'multipart/mixed; boundary=b', ['--b\r\n\r\n', 1_000_000], '--b--\r\n'),
  flat('990 attachments', 'multipart/mixed; boundary=b', [IMAGE, 990], '--b\r\n\r\n', FILL, '\r\n--b--\r\n'),
  flat('2,000 attachments', 'multipart/mixed; boundary=b', [IMAGE, 2_000], '--b\r\n\r\n', FILL, '\r\n--b--\r\n'),
  flat('a delivery status of 300,000 recipients', 'message/delivery-status', [STATUS, 300_000]),
  part('an attached delivery status of 300,000 recipients', 'Content-Type: message/delivery-status', [STATUS, 300_000]),
  flat(
    '290 delivery statuses of a thousand recipients',
    'multipart/report; report-type=delivery-status; boundary=b',
    [`--b\r\nContent-Type: message/delivery-status\r\n\r\n${STATUS.repeat(1000)}\r\n`, 290],
    '--b--\r\n',
  ),
  flat('ten million empty lines', 'text/plain', ['\r\n', 10_000_000]),
  flat('one line of 40 MB', 'text/plain', ['x', 40_000_000]),
  part('an attached line of 40 MB', ATTACHED, ['x', 40_000_000]),
  part('a part with a header line of 40 MB', 'X: ', ['y', 40_000_000]),
  part('a part with a header of a megabyte', `X: ${'y'.repeat(1_000_000)}`, FILL),
  part('a part with a field of 250,000 blanks', `Content-Type: text/plain; a=${' '.repeat(250_000)}x`, FILL),
  bomb('a subject of 240,000 blanks', `Subject: a${' '.repeat(240_000)}x\r\nFrom: scan@contoso.com\r\n\r\n`, FILL),
  bomb(
    'a subject of 20,000 encoded words',
    `Subject: bomb ${'=?utf-8?q?a?='.repeat(18_000)}\r\nFrom: scan@contoso.com\r\n\r\n`,
    FILL,
  ),
  part(
    'a file name of 80,000 escapes',
    `Content-Disposition: attachment; filename*=utf-8''${'%41'.repeat(80_000)}`,
    FILL,
  ),
  part(
    'a file name in 8,000 continuations',
    `Content-Disposition: attachment;${Array.from({ length: 8_000 }, (_, n) => `\r\n filename*${n}*=%41%42;`).join('')}`,
    FILL,
  ),
  flat(
    'names out of a prototype',
    'multipart/mixed; boundary=b; __proto__=x; constructor=y',
    '--b\r\n__proto__: x\r\nContent-Disposition: attachment; filename="__proto__"; constructor=z\r\n\r\n',
    FILL,
    '\r\n--b--\r\n',
  ),
  flat('quoted-printable that is all escapes', `text/plain\r\n${QUOTED}`, ['=41=\r\n', 1_500_000]),
  flat('100 MB of soft line breaks', `text/plain\r\n${QUOTED}`, ['=\r\n', 33_000_000]),
  part('100 MB of soft line breaks, attached', `${ATTACHED}\r\n${QUOTED}`, ['=\r\n', 33_000_000]),
  part('quoted-printable that is all equals signs', `${ATTACHED}\r\n${QUOTED}`, ['=', 20_000_000]),
  part('quoted-printable that is all blanks', `${ATTACHED}\r\n${QUOTED}`, [' ', 20_000_000]),
  flat('a quoted-printable body that is all blanks', `text/plain\r\n${QUOTED}`, [' ', 5_500_000], 'x'),
  part(
    'base64 that holds none',
    `${ATTACHED}\r\nContent-Transfer-Encoding: base64`,
    ['=', 10_000_000],
    ['\r\n', 10_000_000],
  ),
  flat('flowed quotes', 'text/plain; format=flowed', ['> \r\n', 1_200_000]),
  flat('flowed blanks', 'text/plain; format=flowed; delsp=yes', [' \r\n', 1_500_000]),
  flat('html that is all brackets', 'text/html', ['<', 5_000_000]),
  flat('html with an attribute of 5 MB', 'text/html', '<p title="', ['y', 5_000_000], '">x</p>'),
  flat('html with a million tags that never close', 'text/html', ['<b>', 1_500_000]),
  flat('html with 200,000 levels', 'text/html', ['<div>', 200_000], 'x', ['</div>', 200_000], ['x', 2_000_000]),
  flat('html with a flood of entities', 'text/html', ['&amp;', 1_000_000]),
  flat('html that is all comments', 'text/html', ['<!--', 1_400_000]),
  flat(
    'html with a hundred thousand images',
    'multipart/mixed; boundary=b',
    '--b\r\nContent-Type: text/html\r\n\r\n',
    ['<img src="cid:a">', 100_000],
    '\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <a>\r\n\r\n',
    FILL,
    '\r\n--b--\r\n',
  ),
  flat('a text of armour that never ends', 'text/plain', ['-----BEGIN PGP MESSAGE----- \r\n \r\n', 130_000], 'x'),
];

export function bombNamed(what: string): MailBomb {
  const found = BOMBS.find((bomb) => bomb.what === what);
  if (!found) throw new Error(`There is no bomb "${what}".`);
  return found;
}
