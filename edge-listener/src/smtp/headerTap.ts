// Looks at the header of a message while it passes.

/** A header longer than this is not waited for: what has come of it is handed out, which is longer than this. */
export const MAX_HEADER_BYTES = 256 * 1024;
const END = Buffer.from('\r\n\r\n');

/**
 * Gathers the header of one message. `push` returns it once, when it is complete; `finish` when the message ended
 * before its header did. A message without an empty line is all header.
 */
export function createHeaderTap() {
  let gathered: Buffer = Buffer.alloc(0);
  let done = false;
  const complete = (end: number) => {
    done = true;
    const header = gathered.subarray(0, end).toString('latin1');
    gathered = Buffer.alloc(0);
    return header;
  };
  return {
    push(chunk: Uint8Array): string | undefined {
      if (done) return undefined;
      const from = Math.max(0, gathered.length - 3);
      gathered = gathered.length === 0 ? Buffer.from(chunk) : Buffer.concat([gathered, chunk]);
      if (gathered[0] === 13 && gathered[1] === 10) return complete(0);
      const end = gathered.indexOf(END, from);
      if (end >= 0) return complete(end);
      return gathered.length > MAX_HEADER_BYTES ? complete(gathered.length) : undefined;
    },
    finish: (): string | undefined => (done ? undefined : complete(gathered.length)),
  };
}
