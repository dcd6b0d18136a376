/**
 * Reads a message in a thread of its own, fed from a stream and never ahead of whoever takes what it holds: the memory it
 * needs does not grow with the message.
 */
import { Worker } from 'node:worker_threads';
import type { FromThread, MimeEvent, MimeLimits, ThreadTask, ToThread } from './mimeProtocol.ts';

/** Bytes given to the thread at a time. */
const PIECE_BYTES = 64 * 1024;
/** How much the thread may be at work, waiting not counted: 150 MB take about 4 s. */
const WORK_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 500;
const HEAP_LIMIT_MB = 64;

/**
 * - 250 attachments are Exchange Online's limit per message; bodies and containers come on top.
 * - What stands outside attachments has to fit into one request in the end.
 */
export const MIME_LIMITS: MimeLimits = { parts: 300, headerBytes: 256 * 1024, bodyBytes: 6_000_000 };

export interface MimeReadingOptions {
  /** Whether the bytes of the parts are wanted, or only their size and hash. */
  readonly bytes: boolean;
  readonly limits?: MimeLimits;
  /** Milliseconds of work after which the thread is given up. */
  readonly workLimitMs?: number;
  readonly heapLimitMb?: number;
}

/**
 * What the message in `source` holds, in order; `bytes` are to be used before the next event is asked for. Ends after `body`, or after `gaveUp`: a parser that threw, took too long
 * or too much memory. Throws only what reading `source` throws. Leaving the loop early ends the thread.
 */
export async function* readMime(
  source: AsyncIterable<Buffer>,
  options: MimeReadingOptions,
): AsyncGenerator<MimeEvent, void> {
  const { bytes, limits = MIME_LIMITS, workLimitMs = WORK_LIMIT_MS } = options;
  const worker = startThread({ bytes, limits }, options.heapLimitMb ?? HEAP_LIMIT_MB);
  const arrived: FromThread[] = [];
  let wake = () => {};
  let broken: { error: unknown } | undefined;
  const arrive = (message: FromThread) => {
    arrived.push(message);
    wake();
  };
  const say = (message: ToThread, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer);
  const feed = inPieces(source)[Symbol.asyncIterator]();
  const feedOn = async () => {
    const next = await feed.next();
    if (next.done) say({ type: 'end' });
    else say({ type: 'piece', bytes: next.value }, [next.value.buffer as ArrayBuffer]);
  };

  worker.on('message', (message: FromThread) => {
    if (message.type !== 'want') return arrive(message);
    feedOn().catch((error: unknown) => {
      broken = { error };
      wake();
    });
  });
  worker.on('error', (error: Error) => arrive({ type: 'gaveUp', reason: error.message }));
  worker.on('exit', () => arrive({ type: 'gaveUp', reason: 'The thread ended.' }));
  const watch = setInterval(() => {
    if (worker.performance.eventLoopUtilization().active > workLimitMs)
      arrive({ type: 'gaveUp', reason: `Reading the message took more than ${workLimitMs / 1000} s of work.` });
  }, LOOK_EVERY_MS);

  try {
    for (;;) {
      if (broken) throw broken.error;
      const message = arrived.shift();
      if (!message) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (message.type === 'done') return;
      if (message.type === 'want') continue;
      yield message;
      if (message.type === 'gaveUp') return;
      if (message.type === 'bytes') say({ type: 'goOn', memory: message.bytes.buffer }, [message.bytes.buffer]);
    }
  } finally {
    clearInterval(watch);
    await worker.terminate();
    // Not awaited: it waits for a read that may never end, until the owner of the source destroys it.
    feed.return?.(undefined).catch(() => {});
  }
}

/** The thread, from the source or from the file that the build puts beside the bundle. */
function startThread(task: ThreadTask, heapLimitMb: number): Worker {
  const file = import.meta.url.endsWith('.ts') ? './mimeThread.ts' : './mimeThread.cjs';
  return new Worker(new URL(file, import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: heapLimitMb, maxYoungGenerationSizeMb: 4, stackSizeMb: 4 },
    // Nothing of the process's settings, secrets among them, is the thread's business.
    env: {},
    argv: [],
    execArgv: [],
  });
}

/** The same bytes in pieces of their own, small enough to be given away. */
async function* inPieces(source: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source)
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield new Uint8Array(chunk.subarray(at, at + PIECE_BYTES));
}
