import { unfold } from '../../mail/headerBlock.ts';
import { decodeRaw, decodeText, holdsRawBytes, withoutControls } from './decodeText.ts';

/** Longest file name that is passed on. */
const MAX_NAME_LENGTH = 255;

/**
 * The file name of a part. The parser reads names in RFC 2231 and RFC 2047 form; names in raw bytes, which it would read
 * as UTF-8 only, are read here, charset first: the second byte of a Shift_JIS or ISO-2022-JP character may be a quote or a
 * backslash.
 *
 * @param parsed the name as the parser has it
 * @param lines the raw Content-Disposition and Content-Type lines, one character per byte
 */
export function partName(parsed: string, lines: readonly string[]): string {
  const raw = lines.map(unfold).find((line) => holdsRawBytes(line) && NAME.test(decodeRaw(line)));
  const name = raw === undefined ? parsed : decodeText(nameIn(decodeRaw(raw)));
  const clean = withoutControls(name);
  return clean.length <= MAX_NAME_LENGTH ? clean : shortened(clean);
}

const NAME = /[;\s](?:file)?name\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;\s]+))/i;

function nameIn(line: string): string {
  const [, quoted, bare] = NAME.exec(line) ?? [];
  return quoted?.replace(/\\(["\\])/g, '$1') ?? bare ?? '';
}

/** A long name loses its middle: the extension says what the file is. */
function shortened(name: string): string {
  const characters = Array.from(name);
  const tail = characters.slice(-20);
  return [...characters.slice(0, MAX_NAME_LENGTH - 60), '…', ...tail].join('').slice(0, MAX_NAME_LENGTH);
}
