// Reads whole messages in a thread of its own: a mail built to choke a parser costs that thread, never the sandbox.

import { Worker } from 'node:worker_threads';
import { createTurns } from './inTurn.ts';
import type { MessageContent } from './messageRecord.ts';

/** How long one message may take. The worst that fits into 4 MB needs a few seconds on a busy machine. */
const TIME_LIMIT_MS = 20_000;
/** Enough for any message that fits into 4 MB, short of those made to fill memory. */
const HEAP_LIMIT_MB = 192;

/** Where a message lies: a file, its MIME starting at `offset`. */
export interface MimeFile {
  readonly path: string;
  readonly offset: number;
}

/** MIME in a file, or in memory. */
export type MimeSource = MimeFile | { readonly mime: Uint8Array };

/** What the thread is asked: everything, or the content of the n-th attachment. */
export type MimeQuestion = MimeSource & { readonly attachment?: number };

/** What the thread answers. */
export type MimeReply =
  | { readonly content: MessageContent }
  | { readonly attachment: Uint8Array | undefined }
  | { readonly problem: string };

export interface MimeReader {
  /** Subject, bodies and attachments; undefined when the parser gave up or took too long. */
  content(source: MimeSource): Promise<MessageContent | undefined>;
  /** The decoded bytes of the attachment at `index`; undefined when there is none. */
  attachment(source: MimeSource, index: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** A reader; its thread is started with the first question. One question at a time. */
export function createMimeReader(): MimeReader {
  let worker: Worker | undefined;
  const { inTurn } = createTurns();

  async function ask(question: MimeQuestion): Promise<MimeReply> {
    worker ??= new Worker(new URL('./mimeReaderThread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB, maxYoungGenerationSizeMb: 16 },
    });
    const asked = worker;
    const listening = new AbortController();
    const reply = await new Promise<MimeReply>((resolve) => {
      const give = (problem: string) => resolve({ problem });
      const timer = setTimeout(give, TIME_LIMIT_MS, 'took too long');
      const listeners = {
        message: resolve,
        error: (error: unknown) => give(String(error)),
        exit: () => give('the thread ended'),
      };
      for (const [event, listener] of Object.entries(listeners)) asked.on(event, listener);
      listening.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        for (const [event, listener] of Object.entries(listeners)) asked.off(event, listener);
      });
      asked.ref();
      asked.postMessage(question);
    });
    listening.abort();
    asked.unref();
    if ('problem' in reply) {
      worker = undefined;
      // An ended thread may still report its end; nobody is interested any more.
      asked.on('error', () => {});
      await asked.terminate();
    }
    return reply;
  }

  return {
    async content(source) {
      const reply = await inTurn(() => ask(source));
      return 'content' in reply ? reply.content : undefined;
    },
    async attachment(source, index) {
      const reply = await inTurn(() => ask({ ...source, attachment: index }));
      return 'attachment' in reply ? reply.attachment : undefined;
    },
    async close() {
      await worker?.terminate();
    },
  };
}
