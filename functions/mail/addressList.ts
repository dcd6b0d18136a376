import libmime from 'libmime';
import { trimBlanks } from './headerBlock.ts';

/**
 * Address lists (RFC 5322 section 3.4) read with the place of every entry, so that a list can be shortened without
 * touching the bytes of what stays. Strict where a doubt could send mail to somebody: an entry that does not follow the
 * grammar has no address.
 */

export interface AddressEntry {
  /**
   * The entry as it stands in the field: display name, brackets, comments, folds; blanks around it trimmed. Specials
   * inside a Q-encoded word are encoded, where the device had left them bare.
   */
  readonly text: string;
  /** The addr-spec without comments and blanks; undefined when the entry holds none, or more than one. */
  readonly address: string | undefined;
  /** The display name as it stands, quotes and encoded words included; empty when there is none. */
  readonly displayName: string;
  /**
   * Whether another reader could find another address, or another number of them, in this entry: a name that is itself
   * an address, specials outside quotes, a route, control characters. Only `<address>` may be shown of it.
   */
  readonly doubtful: boolean;
}

export interface AddressList {
  readonly entries: readonly AddressEntry[];
  /**
   * Whether the list is written in a way that another reader may take differently: a group (`Team: a@b, c@d;`, whose
   * members are ordinary entries here), semicolons between addresses, or specials inside an encoded word.
   */
  readonly irregular: boolean;
}

type Token = { readonly kind: 'word' | 'quoted' | 'comment' | 'literal' | 'blank' | 'special'; readonly text: string };

// Blanks are ASCII here: in latin1, \s would take 0xA0, a byte of many UTF-8 characters, for one.
// An encoded word is one token even when it wrongly holds a comma (RFC 2047 section 5 forbids it, devices do it).
const TOKEN =
  /((?:\r\n)?[ \t]+|\r\n$)|("(?:[^"\\]|\\.)*")|(\[(?:[^[\]\\]|\\.)*\])|(=\?[^? \t\r\n]+\?[bq]\?[^? \t\r\n]*\?=)|([,;:<>@])|([^ \t\r\n",;:<>@()[\]\\]+)/isy;

/** Longest list that is read; a header has at most 256 kB. */
const MAX_ENTRIES = 10_000;

/** Reads the value of an address field; undefined when it cannot be read as a list at all. */
export function readAddressList(value: string): AddressList | undefined {
  const tokens = tokenise(value);
  if (!tokens) return undefined;
  const entries: AddressEntry[] = [];
  let irregular = false;
  let inGroup = false;
  let inAngle = false;
  let current: Token[] = [];
  const close = () => {
    const entry = readEntry(current);
    if (entry) entries.push(entry);
    current = [];
  };
  for (const token of tokens) {
    const special = token.kind === 'special' ? token.text : '';
    if (special === '<') inAngle = true;
    if (special === '>') inAngle = false;
    if (special === ',' && !inAngle) close();
    else if (special === ':' && !inAngle && !inGroup) {
      // What stood before the colon is the group's name.
      current = [];
      inGroup = true;
      irregular = true;
    } else if (special === ';' && !inAngle) {
      // Some devices separate addresses by semicolons; outside a group it is read as a comma.
      close();
      inGroup = false;
      irregular = true;
    } else {
      const safe = token.kind === 'word' ? encodeSpecials(token.text) : token.text;
      irregular ||= safe !== token.text;
      current.push(safe === token.text ? token : { ...token, text: safe });
    }
    if (entries.length > MAX_ENTRIES) return undefined;
  }
  if (inAngle) return undefined;
  close();
  return { entries, irregular };
}

function tokenise(value: string): Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  while (at < value.length) {
    if (value[at] === '(') {
      const end = commentEnd(value, at);
      if (end === undefined) return undefined;
      tokens.push({ kind: 'comment', text: value.slice(at, end) });
      at = end;
      continue;
    }
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(value);
    if (!match) return undefined;
    const [text, blank, quoted, literal, , special] = match;
    const kind = blank ? 'blank' : quoted ? 'quoted' : literal ? 'literal' : special ? 'special' : 'word';
    tokens.push({ kind, text });
    at += text.length;
  }
  return tokens;
}

/** Comments nest (RFC 5322 section 3.2.2). */
function commentEnd(value: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < value.length; at++) {
    const c = value[at];
    if (c === '\\') at++;
    else if (c === '(') depth++;
    else if (c === ')' && --depth === 0) return at + 1;
  }
  return undefined;
}

/** An encoded word with the specials that RFC 2047 section 5 (3) forbids in it encoded; any other word as it is. */
function encodeSpecials(word: string): string {
  if (!/^=\?[^?]+\?q\?/i.test(word)) return word;
  return word.replace(/[",;:<>@()[\]\\]/g, (c) => `=${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function readEntry(tokens: Token[]): AddressEntry | undefined {
  const text = trimBlanks(textOf(tokens));
  if (text === '') return undefined;
  const meaningful = tokens.filter(({ kind }) => kind !== 'comment' && kind !== 'blank');
  const open = meaningful.findIndex(isSpecial('<'));
  const oddComment = tokens.some(({ kind, text }) => kind === 'comment' && /[@<>,;:"]/.test(text));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const controls = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text);
  if (open < 0) return { text, address: addrSpec(meaningful), displayName: '', doubtful: oddComment || controls };

  const inside = meaningful.slice(open + 1, -1);
  const wellFormed = isSpecial('>')(meaningful.at(-1)!) && !inside.some(isSpecial('<')) && !inside.some(isSpecial('>'));
  const routeEnd = inside.findLastIndex(isSpecial(':')) + 1;
  const routed = routeEnd > 0;
  const nameTokens = tokens.slice(0, tokens.findIndex(isSpecial('<'))).filter(({ kind }) => kind !== 'comment');
  return {
    text,
    address:
      wellFormed && (!routed || isRoute(inside.slice(0, routeEnd))) ? addrSpec(inside.slice(routeEnd)) : undefined,
    displayName: trimBlanks(textOf(nameTokens).replace(/\r\n(?=[ \t])/g, '')),
    doubtful: oddComment || controls || routed || nameTokens.some(isDoubtfulName) || readsAsAddress(textOf(nameTokens)),
  };
}

function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join('');
}

function isSpecial(character: string): (token: Token) => boolean {
  return ({ kind, text }) => kind === 'special' && text === character;
}

/** `@relay,@other:` of RFC 5322 section 4.4; anything else before a colon could be an address to another reader. */
function isRoute(tokens: readonly Token[]): boolean {
  const shape = tokens.map(({ kind, text }) => (kind === 'special' ? text : kind === 'word' ? 'w' : '?')).join('');
  return /^@w(?:,@w)*:$/.test(shape);
}

/** Specials where RFC 5322 allows none: outside quotes, or inside an encoded word that is not what it says it is. */
function isDoubtfulName({ kind, text }: Token): boolean {
  if (kind === 'special' || kind === 'literal') return true;
  return kind === 'word' && /^=\?/.test(text) && /[",;:<>@()[\]\\]/.test(text);
}

/** Whether the name, decoded, is itself an address. */
function readsAsAddress(name: string): boolean {
  return /[^\s"]@[^\s"]/.test(libmime.decodeWords(name));
}

/** `local@domain` out of tokens, or undefined when they are anything else. */
function addrSpec(tokens: readonly Token[]): string | undefined {
  const at = tokens.findIndex(({ kind, text }) => kind === 'special' && text === '@');
  if (at < 1) return undefined;
  const local = tokens.slice(0, at);
  const domain = tokens.slice(at + 1);
  const localOk = local.length === 1 && (local[0]!.kind === 'word' || local[0]!.kind === 'quoted');
  const domainOk = domain.length === 1 && (domain[0]!.kind === 'word' || domain[0]!.kind === 'literal');
  return localOk && domainOk ? `${local[0]!.text}@${domain[0]!.text}` : undefined;
}
