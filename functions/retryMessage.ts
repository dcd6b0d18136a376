// POST /api/messages/{id}/retry: a person sends a failed or held message again.

import { acceptedResponse, messageIdOf } from './intake/answers.ts';
import { authenticate } from './intake/authenticate.ts';
import { httpFunction } from './intake/httpFunction.ts';
import { retryMessage } from './intake/retryMessage.ts';
import { relay, settings } from './wiring/relay.ts';

httpFunction('retryMessage', 'POST', 'messages/{id}/retry', async (request) => {
  const caller = authenticate(request, settings.callers);
  const key = { caller: caller.name, id: messageIdOf(request) };
  const mayDuplicate = request.query.get('mayDuplicate') === 'true';
  return acceptedResponse(await retryMessage(await relay(), key, mayDuplicate));
});
