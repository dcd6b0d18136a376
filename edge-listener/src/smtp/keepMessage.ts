// The last step of a message: stored in time, or known as stored already.
import type { IncomingMessage } from '../spool/spool.ts';
import type { Answer } from './repeats.ts';

/** A device waits for its answer no longer than this, in milliseconds; most wait less. */
const ANSWER_MS = 60_000;

/** A message that is promised: now, or earlier when it only repeats one. */
export interface KeptMessage {
  readonly sha256: string;
  /** The id of the message that this one repeats. */
  readonly repeats?: string;
}

/**
 * Makes the message durable, unless it only repeats one that is. Rejects when that fails or takes too long; if it
 * succeeds after that, `answer` knows: the device was told to come back, and what it then sends is a repetition.
 */
export async function keepMessage(
  message: IncomingMessage,
  answer: Answer,
  now: () => number,
  withinMs = ANSWER_MS,
): Promise<KeptMessage> {
  if (answer.repeatOf) {
    const repeats = await inTime(answer.repeatOf, withinMs).catch(async (error: unknown) => {
      answer.notKept();
      await message.abort().catch(() => undefined); // what is left is swept at the next start
      throw error;
    });
    if (repeats) {
      const sha256 = message.digest();
      await message.abort().catch(() => undefined); // as above
      answer.kept(sha256);
      return { sha256, repeats };
    }
  }
  const commit = message.commit(now());
  commit.then(answer.kept, answer.notKept);
  try {
    return { sha256: await inTime(commit, withinMs) };
  } catch (error) {
    answer.lost();
    throw error;
  }
}

async function inTime<Value>(work: Promise<Value>, withinMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const seconds = withinMs / 1000;
    timer = setTimeout(() => reject(new Error(`The spool did not answer within ${seconds} s.`)), withinMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
