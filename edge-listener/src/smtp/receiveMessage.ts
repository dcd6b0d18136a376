// Takes one message from DATA into the spool.
import type { SMTPServerDataStream } from 'smtp-server';
import type { Envelope } from '../../../functions/contract/envelope.ts';
import { createLineEndingNormaliser } from '../../../functions/contract/lineEndings.ts';
import { type IncomingMessage, type Spool, SpoolFullError } from '../spool/spool.ts';
import { replies, SmtpRefusal } from './replies.ts';

export interface ReceiveOptions {
  readonly spool: Spool;
  readonly maxMessageBytes: number;
  readonly now: () => number;
  /** Called when the client keeps sending far beyond the limit: it has to be cut off. */
  readonly cutOff: () => void;
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
 * Reads the message to its end, with every line end made CRLF, and makes it durable. Resolves with its size once it
 * is promised. Throws {@link SmtpRefusal} with the answer to give otherwise, always after the whole message was read
 * so that the answer finds its place, or {@link ClientGoneError}.
 */
export async function receiveMessage(
  id: string,
  envelope: Envelope,
  stream: SMTPServerDataStream,
  { spool, maxMessageBytes, now, cutOff }: ReceiveOptions,
): Promise<number> {
  const normaliser = createLineEndingNormaliser();
  let message: IncomingMessage | undefined;
  let refusal: SmtpRefusal | undefined;
  let received = 0;
  let stored = 0;

  async function refuse(error: SmtpRefusal): Promise<void> {
    refusal = error;
    await message?.abort().catch(() => undefined); // what is left is swept at the next start
    message = undefined;
  }

  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > maxMessageBytes * 2) cutOff();
      if (refusal) continue;
      const bytes = normaliser.push(chunk);
      stored += bytes.length;
      if (stored > maxMessageBytes) {
        await refuse(new SmtpRefusal(replies.messageTooLarge(maxMessageBytes)));
        continue;
      }
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
  if (refusal) throw refusal;
  if (!message) throw new SmtpRefusal(replies.emptyMessage);
  try {
    await message.commit(now());
  } catch (error) {
    throw storageRefusal(error);
  }
  return stored;
}

function storageRefusal(error: unknown): SmtpRefusal {
  return new SmtpRefusal(error instanceof SpoolFullError ? replies.spoolFull : replies.spoolError, { cause: error });
}
