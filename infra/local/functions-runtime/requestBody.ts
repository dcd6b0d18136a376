import type { ClientRequest, IncomingMessage } from 'node:http';

/** A request body on its way from a client to the handler. */
export interface BodyTransfer {
  /** The handler wants no more: lets what the client still sends run out, so that it reads its answer. */
  end(): void;
}

/** How long a client may go on sending what nobody wants, in milliseconds. */
const RUN_OUT_MS = 10_000;

/**
 * Passes the body of `from` on to `to`, no faster than it is taken. (Not `pipeline`: that would end the client's
 * connection together with the handler's, before the client has its answer.)
 */
export function transferBody(
  from: IncomingMessage,
  to: ClientRequest,
  options: { readonly limit: number; onTooLarge(): void },
): BodyTransfer {
  let wanted = true;
  let size = 0;
  from.on('data', (chunk: Buffer) => {
    if (!wanted) return;
    size += chunk.length;
    if (size > options.limit) options.onTooLarge();
    else if (!to.write(chunk)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.once('end', () => wanted && to.end());
  from.once('error', () => to.destroy());
  return {
    end() {
      if (!wanted) return;
      wanted = false;
      to.destroy();
      letRunOut(from);
    },
  };
}

/** Reads what a client still sends, and forgets it; after a while the connection is closed. */
export function letRunOut(request: IncomingMessage): void {
  request.resume();
  if (request.destroyed) return;
  const patience = setTimeout(() => request.destroy(), RUN_OUT_MS);
  request.once('close', () => clearTimeout(patience));
}
