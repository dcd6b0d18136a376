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
      if (chunk.length === 0) return chunk;
      // A network cuts in the middle of a CRLF every so often: the rest of such a chunk is as clean as any other.
      const rest = afterCr && chunk[0] === LF ? chunk.subarray(1) : chunk;
      const endsInCr = chunk[chunk.length - 1] === CR;
      afterCr = endsInCr;
      if (!endsInCr) return isClean(rest) ? rest : rewrite(rest);
      const body = rest.subarray(0, -1);
      return isClean(body) ? withCrlf(body) : rewrite(rest);
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

function withCrlf(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length + 2);
  out.set(bytes);
  out[bytes.length] = CR;
  out[bytes.length + 1] = LF;
  return out;
}

/** Each CR, LF and CRLF of `chunk` as CRLF. At worst, all of them bare, it doubles. */
function rewrite(chunk: Uint8Array): Uint8Array {
  const out = new Uint8Array(chunk.length * 2);
  let at = 0;
  let previous = 0;
  for (const byte of chunk) {
    if (byte === CR || (byte === LF && previous !== CR)) {
      out[at++] = CR;
      out[at++] = LF;
    } else if (byte !== LF) out[at++] = byte;
    previous = byte;
  }
  return out.subarray(0, at);
}
