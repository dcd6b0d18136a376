// POST /api/messages: one message from an application becomes one stored, queued message.
import { newMessageId } from './contract/messageId.ts';
import { acceptMessage } from './intake/acceptMessage.ts';
import { acceptedResponse, idempotencyKeyOf } from './intake/answers.ts';
import { authenticate } from './intake/authenticate.ts';
import { httpFunction } from './intake/httpFunction.ts';
import { relay, settings } from './wiring/relay.ts';

httpFunction('submitMessage', 'POST', 'messages', async (request) => {
  const caller = authenticate(request, settings.callers);
  const id = idempotencyKeyOf(request) ?? newMessageId();
  return acceptedResponse(await acceptMessage(await relay(), { caller, id, request, recipientsFromHeader: true }));
});
