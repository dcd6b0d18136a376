// POST /users/{user}/sendMail: https://learn.microsoft.com/graph/api/user-sendmail

import type { MessageStore } from '../store/messageStore.ts';
import { type GraphCall, type GraphHandler, mediaType } from './graphCall.ts';
import { postedMime, requireSendable } from './postedMime.ts';

/** Accepts a message as a whole. `sendJson` takes the calls that bring JSON. */
export function createSendMail(messages: MessageStore, sendJson: GraphHandler): GraphHandler {
  return async (call: GraphCall) => {
    if (mediaType(call) !== 'text/plain') return sendJson(call);
    const { mime, header } = postedMime(call);
    requireSendable(call.mailbox, header, mime.length);
    await messages.acceptMime(call.mailbox.address, mime);
    return { status: 202 };
  };
}
