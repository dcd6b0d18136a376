// Reads the DATA phase: where it ends, and which dots are escapes (RFC 5321 section 4.5.2).

const CR = 13;
const LF = 10;
const DOT = 46;
const LINE_DOT = Buffer.from('\n.');
const NOTHING = Buffer.alloc(0);

/** What came of a chunk: message bytes, and, when the message ended in it, whatever followed. */
export interface DecodedChunk {
  readonly data: Buffer;
  /** The bytes after the end of the message; undefined while it has not ended. */
  readonly rest: Buffer | undefined;
}

export interface DataDecoder {
  push(chunk: Buffer): DecodedChunk;
  /** True when what has arrived so far ends like a message whose sender uses bare LF: a hint for the log. */
  readonly endsInBareLfDot: boolean;
}

/**
 * A decoder for one message. The end is CRLF . CRLF and nothing else, however the bytes are cut into chunks: a looser
 * reading is what SMTP smuggling needs. `bareLfEnd` is for single old devices that end with LF . LF; it takes the
 * forms with bare LF as the end too.
 *
 * Of two dots at the start of a line the first is dropped. A single one is kept: it comes from devices that do not
 * know the rule, and dropping it would damage their text.
 */
export function createDataDecoder({ bareLfEnd = false } = {}): DataDecoder {
  /** The last two bytes before `held`; a message begins as if after CRLF. */
  let before = CR;
  let last = LF;
  /** A dot at the start of a line, or that dot and CR, whose meaning the next chunk decides. */
  let held: Buffer = NOTHING;
  let endsInBareLfDot = false;

  return {
    get endsInBareLfDot() {
      return endsInBareLfDot;
    },
    push(chunk) {
      const input = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
      held = NOTHING;
      endsInBareLfDot = false;
      const kept: Buffer[] = [];
      let from = 0;
      let dot = input[0] === DOT && last === LF ? 0 : nextDot(input, 0);
      while (dot >= 0) {
        const strict = last2(dot) === CR && last1(dot) === LF;
        const next = input[dot + 1];
        if (next === undefined || (next === CR && input[dot + 2] === undefined)) {
          held = Buffer.from(input.subarray(dot));
          break;
        }
        const crlf = next === CR && input[dot + 2] === LF;
        if ((crlf && (strict || bareLfEnd)) || (next === LF && bareLfEnd)) {
          kept.push(input.subarray(from, dot));
          return { data: join(kept), rest: input.subarray(dot + (crlf ? 3 : 2)) };
        }
        if (next === DOT) {
          kept.push(input.subarray(from, dot));
          from = dot + 1;
        }
        endsInBareLfDot = next === LF && dot + 2 === input.length;
        dot = nextDot(input, dot + 1);
      }
      const end = input.length - held.length;
      kept.push(input.subarray(from, end));
      const [a, b] = [last2(end), last1(end)];
      before = a;
      last = b;
      return { data: join(kept), rest: undefined };

      function last1(at: number): number {
        return at >= 1 ? input[at - 1]! : last;
      }
      function last2(at: number): number {
        return at >= 2 ? input[at - 2]! : at === 1 ? last : before;
      }
    },
  };
}

function nextDot(input: Buffer, from: number): number {
  const at = input.indexOf(LINE_DOT, from);
  return at < 0 ? -1 : at + 1;
}

function join(parts: readonly Buffer[]): Buffer {
  const filled = parts.filter((part) => part.length > 0);
  return filled.length === 1 ? filled[0]! : Buffer.concat(filled);
}
