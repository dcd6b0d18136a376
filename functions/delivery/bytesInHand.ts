/**
 * How much mail this process has in hand at once. A mail is in memory several times over on its way: as it comes from
 * storage, as MIME, as base64, as a request. Many mailboxes may each have theirs at the same moment.
 */

/** Bytes that all mails in hand may take together. */
const MOST_BYTES = 64_000_000;
/** Times its size that a mail takes: 17 MB were measured for 3 MB. */
const COPIES = 17 / 3;
/** Those who are told to come back come back within this, not all together. */
const COME_BACK_MS = { least: 1000, spread: 2000 };

let inHand = 0;

/** Takes a mail of this size in hand, or tells when to come back. One is always taken, whatever its size. */
export function takeInHand(size: number): { readonly putDown: () => void } | { readonly comeBackInMs: number } {
  const bytes = size * COPIES;
  if (inHand > 0 && inHand + bytes > MOST_BYTES)
    return { comeBackInMs: COME_BACK_MS.least + Math.random() * COME_BACK_MS.spread };
  inHand += bytes;
  return {
    putDown: () => {
      inHand -= bytes;
    },
  };
}
