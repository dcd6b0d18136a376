/** What the line upwards carries, as far as the uploads so far tell. */
export interface UploadRate {
  /** Infinite until something took long enough to tell. */
  readonly bytesPerSecond: number;
  /** Watches one upload: `sent` is to be told what leaves, `end` when it is over, well or not. */
  watch(): { sent: (bytes: number) => void; end: () => void };
}

/** Shorter uploads tell more of the buffers on the way than of the line, in seconds. */
const TELLING_SECONDS = 2;

export function createUploadRate(now: () => number = () => performance.now()): UploadRate {
  let bytesPerSecond = Number.POSITIVE_INFINITY;
  return {
    get bytesPerSecond() {
      return bytesPerSecond;
    },
    watch() {
      const started = now();
      let bytes = 0;
      return {
        sent(more) {
          bytes += more;
        },
        end() {
          const seconds = (now() - started) / 1000;
          if (seconds > TELLING_SECONDS && bytes > 0) bytesPerSecond = bytes / seconds;
        },
      };
    },
  };
}
