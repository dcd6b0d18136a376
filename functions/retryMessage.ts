// POST /api/messages/{id}/retry: a person sends a failed or held message again.
import { acceptedResponse, messageIdOf } from './intake/answers.ts';
import { callerFunction } from './intake/httpFunction.ts';
import { retryMessage } from './intake/retryMessage.ts';
import { relay } from './wiring/relay.ts';

callerFunction('retryMessage', 'POST', 'messages/{id}/retry', async (request, caller) => {
  const key = { caller: caller.name, id: messageIdOf(request) };
  const mayDuplicate = request.query.get('mayDuplicate') === 'true';
  const { limits, ...options } = await relay();
  limits.take(caller);
  return acceptedResponse(await retryMessage(options, key, mayDuplicate));
});
