/** What the relay and the thread that reads MIME say to each other. */

/** One leaf of a message, as its own header describes it. Everything in it comes from outside. */
export interface PartHead {
  /** Decoded file name; empty when the part has none. */
  readonly name: string;
  /** Declared media type in lower case; empty when there is none that can be read. */
  readonly contentType: string;
  /** Content-ID without angle brackets; empty when there is none. */
  readonly contentId: string;
  /** `attachment`, `inline`, or empty. */
  readonly disposition: string;
  /** Content-Transfer-Encoding in lower case. */
  readonly encoding: string;
  /** Whether the type has a `method`, as an invitation has. */
  readonly scheduling: boolean;
}

/** What a message holds, in the order in which it comes. */
export type MimeEvent =
  | { readonly type: 'part'; readonly part: PartHead }
  /** The next decoded bytes of the part; only in a reading that asked for them. */
  | { readonly type: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'partEnd'; readonly size: number; readonly sha256: string }
  /** The body: `html` is empty when there is none. Comes once, after all parts. */
  | { readonly type: 'body'; readonly text: string; readonly html: string }
  /** The parser gave up; nothing follows. */
  | { readonly type: 'gaveUp'; readonly reason: string };

/** From the thread. `want` asks for the next piece of the message. */
export type FromThread = MimeEvent | { readonly type: 'want' } | { readonly type: 'done' };

/** To the thread: a piece of the message, its end, or "these bytes are dealt with, here is their memory, go on". */
export type ToThread =
  | { readonly type: 'piece'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'goOn'; readonly memory: ArrayBuffer };

/** What the thread is started with. */
export interface ThreadTask {
  /** Whether the bytes of the parts are wanted, or only their size and hash. */
  readonly bytes: boolean;
  readonly limits: MimeLimits;
}

/** Bounds that keep a message built to choke a parser from doing so. */
export interface MimeLimits {
  /** Most parts, containers included. */
  readonly parts: number;
  /** Most bytes of one part's header. */
  readonly headerBytes: number;
  /** Most bytes that are in no attachment: bodies, headers, what stands between parts. They are held in memory. */
  readonly bodyBytes: number;
}
