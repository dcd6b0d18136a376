// PUT /api/messages/{id}: one message from an edge becomes one stored, queued message.
import { acceptMessage } from './intake/acceptMessage.ts';
import { acceptedResponse, messageIdOf } from './intake/answers.ts';
import { authenticate } from './intake/authenticate.ts';
import { httpFunction } from './intake/httpFunction.ts';
import { relay, settings } from './wiring/relay.ts';

httpFunction('acceptMessage', 'PUT', 'messages/{id}', async (request) => {
  const caller = authenticate(request, settings.callers);
  const id = messageIdOf(request);
  return acceptedResponse(await acceptMessage(await relay(), { caller, id, request, recipientsFromHeader: false }));
});
