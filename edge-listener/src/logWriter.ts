// The way of the log out of the process: gathered, and never in the way of mail.
import { writeSync, write as writeTo } from 'node:fs';

/** Lines are gathered for so long, in milliseconds: a write for each would cost more than the mail it tells of. */
const GATHER_MS = 20;
/** Characters that may wait for a reader of the log that is slower than the edge. */
const MOST_WAITING = 1_000_000;

export interface LogWriter {
  write(line: string): void;
  /** Resolves when everything is written, or after `withinMs`. */
  drain(withinMs: number): Promise<void>;
  /** Writes what waits, at once. Only for the end of the process: it blocks as long as the reader does. */
  flush(): void;
}

/**
 * Writes lines to a file descriptor, those of a moment together. When more waits than `most` characters, lines are
 * dropped and `notice` says afterwards how many. A write to a pipe through `process.stdout` would block the process on
 * Linux until somebody reads: SMTP would stop because a log is not read.
 */
export function createLogWriter(fd: number, notice: (dropped: number) => string, most = MOST_WAITING): LogWriter {
  let waiting = '';
  let dropped = 0;
  let isWriting = false;
  let isGathering = false;
  let onIdle: () => void = () => undefined;

  function take(): Buffer {
    const text = dropped > 0 ? waiting + notice(dropped) : waiting;
    waiting = '';
    dropped = 0;
    return Buffer.from(text);
  }

  function run(bytes: Buffer): void {
    isWriting = true;
    writeTo(fd, bytes, (error, written) => {
      const again = error?.code === 'EAGAIN';
      const rest = error ? (again ? bytes : Buffer.alloc(0)) : bytes.subarray(written); // without a reader there is no log
      if (again) return void setTimeout(() => run(rest), 50);
      if (rest.length > 0) return run(rest);
      isWriting = false;
      if (waiting || dropped > 0) begin();
      else onIdle();
    });
  }

  function begin(): void {
    if (isWriting || isGathering) return;
    isGathering = true;
    setTimeout(() => {
      isGathering = false;
      run(take());
    }, GATHER_MS);
  }

  return {
    write(line) {
      if (waiting.length + line.length > most) {
        dropped++;
        return;
      }
      waiting += line;
      begin();
    },
    drain: (withinMs) =>
      new Promise((resolve) => {
        if (!waiting && !isWriting) return resolve();
        const timer = setTimeout(resolve, withinMs);
        onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    flush() {
      const bytes = take();
      try {
        if (bytes.length > 0) writeSync(fd, bytes);
      } catch {
        // the reader is gone or does not read, and the process ends
      }
    },
  };
}
