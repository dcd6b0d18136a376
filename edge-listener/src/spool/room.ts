// Is there room for more mail? Asked before DATA, so that a device keeps its message instead of sending it in vain.
import { statfs } from 'node:fs/promises';

export interface RoomOptions {
  readonly directory: string;
  /** Bytes that must stay free on the disk. */
  readonly minFreeBytes: number;
  /** Most bytes of queued mail; 0 for no limit. */
  readonly quotaBytes: number;
  /** Bytes of queued mail now. */
  readonly used: () => number;
}

/** Files that must be creatable: a large message takes one, and so do notes and segments. */
const MIN_FREE_FILES = 100;
/** An answer about the disk is asked for anew after so long, and not believed after so long, in milliseconds. */
const FRESH_MS = 500;
const STALE_MS = 5000;

/** Why a message of `bytes` bytes has no room, in words for a person; undefined when it has. */
export type RoomCheck = (bytes: number) => Promise<string | undefined>;

export function createRoomCheck({ directory, minFreeBytes, quotaBytes, used }: RoomOptions): RoomCheck {
  let disk: Awaited<ReturnType<typeof statfs>> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<typeof disk> | undefined;

  /** The question waits behind the syncs of a busy disk: who has an answer that is fresh enough need not wait too. */
  function ask(): Promise<typeof disk> {
    const at = performance.now();
    asking ??= statfs(directory)
      .then((answer) => {
        askedAt = at;
        disk = answer;
        return answer;
      })
      .finally(() => {
        asking = undefined;
      });
    asking.catch(() => undefined); // told to whoever has to wait for it
    return asking;
  }

  return async (bytes) => {
    if (quotaBytes > 0 && used() + bytes > quotaBytes) return `the quota of ${quotaBytes} bytes is used up`;
    const age = performance.now() - askedAt;
    if (age > FRESH_MS) void ask();
    const answer = age > STALE_MS ? await ask() : disk;
    const { bavail, bsize, ffree, files } = answer!;
    if (Number(bavail) * Number(bsize) < minFreeBytes + bytes)
      return `fewer than ${minFreeBytes} bytes would be free on its disk`;
    if (files > 0 && ffree < MIN_FREE_FILES) return 'its disk can take no more files';
    return undefined;
  };
}
