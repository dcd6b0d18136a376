// Reads the DATA phase: where it ends, and which dots are escapes (RFC 5321 section 4.5.2).

const CR = 13;
const LF = 10;
const DOT = 46;
const LINE_DOT = Buffer.from('\n.');
/** Copying fewer bytes than this one by one is faster than a call. */
const SHORT = 24;
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
      /** The bytes without the escapes; none as long as there was no escape. */
      let out: Buffer | undefined;
      let length = 0;
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
          return { data: out ? keep(dot) : input.subarray(0, dot), rest: input.subarray(dot + (crlf ? 3 : 2)) };
        }
        if (next === DOT) {
          keep(dot);
          from = dot + 1;
        }
        endsInBareLfDot = (next === LF && dot + 2 === input.length) || (crlf && dot + 3 === input.length);
        dot = nextDot(input, dot + 1);
      }
      const end = input.length - held.length;
      const [a, b] = [last2(end), last1(end)];
      before = a;
      last = b;
      return { data: out ? keep(end) : input.subarray(0, end), rest: undefined };

      /** Adds the bytes from `from` to `to` to what was kept, and returns all of it. */
      function keep(to: number): Buffer {
        out ??= Buffer.allocUnsafe(input.length);
        if (to - from > SHORT) input.copy(out, length, from, to);
        else for (let at = from; at < to; at++) out[length + at - from] = input[at]!;
        length += to - from;
        return out.subarray(0, length);
      }

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
