// Takes one message from DATA into the spool.
import type { SMTPServerDataStream } from 'smtp-server';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import { createLineEndingNormaliser } from '../../../functions/contract/lineEndings.ts';
import { type IncomingMessage, type Spool, SpoolFullError } from '../spool/spool.ts';
import { createHeaderTap } from './headerTap.ts';
import { type KeptMessage, keepMessage } from './keepMessage.ts';
import type { Answer } from './repeats.ts';
import { replies, SmtpRefusal, type SmtpReply } from './replies.ts';

export interface ReceiveOptions {
  readonly spool: Spool;
  readonly maxMessageBytes: number;
  readonly now: () => number;
  /** Judges the header once it has arrived. */
  readonly judgeHeader: (header: string) => SmtpReply | undefined;
  /** Called when the message has come to its end. */
  readonly ended: (bytes: number, digest: () => string) => Answer;
  /** Called when the client keeps sending far beyond the limit: it has to be cut off. */
  readonly cutOff: () => void;
}

/** A message that is promised. */
export interface ReceivedMail extends KeptMessage {
  readonly bytes: number;
}

/** The client went away before the end of its message; nothing was promised and nothing is kept. */
export class ClientGoneError extends Error {
  override name = 'ClientGoneError';
  readonly bytes: number;
  constructor(bytes: number, options?: ErrorOptions) {
    super('The client went away in the middle of a message.', options);
    this.bytes = bytes;
  }
}

/**
 * Reads the message to its end, with every line end made CRLF, and makes it durable. Resolves once it is promised.
 * Throws {@link SmtpRefusal} with the answer to give otherwise, always after the whole message was read so that the
 * answer finds its place, or {@link ClientGoneError}.
 */
export async function receiveMessage(
  id: string,
  envelope: Envelope,
  stream: SMTPServerDataStream,
  { spool, maxMessageBytes, now, judgeHeader, ended, cutOff }: ReceiveOptions,
): Promise<ReceivedMail> {
  const normaliser = createLineEndingNormaliser();
  const tap = createHeaderTap();
  let message: IncomingMessage | undefined;
  let refusal: SmtpRefusal | undefined;
  let received = 0;
  let stored = 0;

  async function refuse(error: SmtpRefusal): Promise<void> {
    refusal = error;
    await message?.abort().catch(() => undefined); // what is left is swept at the next start
    message = undefined;
  }

  async function judge(header: string | undefined): Promise<void> {
    const verdict = header === undefined ? undefined : judgeHeader(header);
    if (verdict) await refuse(new SmtpRefusal(verdict));
  }

  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > maxMessageBytes * 2) cutOff();
      if (refusal) continue;
      const bytes = normaliser.push(chunk);
      stored += bytes.length;
      if (stored > maxMessageBytes) await refuse(new SmtpRefusal(replies.messageTooLarge(maxMessageBytes)));
      else await judge(tap.push(bytes));
      if (refusal) continue;
      try {
        message ??= spool.begin(id, envelope);
        await message.append(bytes);
      } catch (error) {
        await refuse(storageRefusal(error));
      }
    }
  } catch (error) {
    await message?.abort().catch(() => undefined); // as above
    throw new ClientGoneError(received, { cause: error });
  }
  if (!refusal && !message) throw new SmtpRefusal(replies.emptyMessage);
  if (!refusal) await judge(tap.finish());
  if (refusal || !message) throw refusal ?? new SmtpRefusal(replies.unexpected);
  const whole = message;
  try {
    return {
      bytes: stored,
      ...(await keepMessage(
        whole,
        ended(stored, () => whole.digest()),
        now,
      )),
    };
  } catch (error) {
    throw storageRefusal(error);
  }
}

function storageRefusal(error: unknown): SmtpRefusal {
  return new SmtpRefusal(error instanceof SpoolFullError ? replies.spoolFull : replies.spoolError, { cause: error });
}
