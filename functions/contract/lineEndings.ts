const CR = 13;
const LF = 10;

/** Turns every CR, LF and CRLF of a byte stream into CRLF, chunk by chunk, and changes nothing else. */
export interface LineEndingNormaliser {
  /** The normalised form of the next chunk; the chunk itself when nothing had to change. */
  push(chunk: Uint8Array): Uint8Array;
}

/**
 * A normaliser for one message. The stored message has CRLF line ends only: Exchange Online refuses bare LF
 * (550 5.6.11), and a bare LF or CR passed on is what SMTP smuggling is made of (RFC 5321 section 2.3.8).
 * A CR at the end of a chunk is completed at once; an LF that opens the next chunk is then its other half.
 */
export function createLineEndingNormaliser(): LineEndingNormaliser {
  let afterCr = false;
  return {
    push(chunk) {
      if (chunk.length === 0 || (!afterCr && isClean(chunk))) return chunk;
      let length = 0;
      let clean = !afterCr;
      let previous = afterCr ? CR : 0;
      for (const byte of chunk) {
        if (byte === CR) {
          length += 2;
          if (previous === CR) clean = false;
        } else if (byte === LF) {
          if (previous !== CR) {
            length += 2;
            clean = false;
          }
        } else {
          length++;
          if (previous === CR) clean = false;
        }
        previous = byte;
      }
      if (previous === CR) clean = false;
      if (!clean) chunk = rewrite(chunk, length, afterCr);
      afterCr = previous === CR;
      return chunk;
    },
  };
}

/** True when every line end in the chunk is a whole CRLF. Most chunks are, so this looks at each byte but once. */
function isClean(chunk: Uint8Array): boolean {
  for (let at = 0; at < chunk.length; at++) {
    const byte = chunk[at]!;
    if (byte > CR) continue;
    if (byte === LF) return false;
    if (byte === CR && chunk[++at] !== LF) return false;
  }
  return true;
}

function rewrite(chunk: Uint8Array, length: number, afterCr: boolean): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  let previous = afterCr ? CR : 0;
  for (const byte of chunk) {
    if (byte === CR || (byte === LF && previous !== CR)) {
      out[at++] = CR;
      out[at++] = LF;
    } else if (byte !== LF) out[at++] = byte;
    previous = byte;
  }
  return out;
}
