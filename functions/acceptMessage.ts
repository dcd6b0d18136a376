// PUT /api/messages/{id}: one message from an edge becomes one stored, queued message.
import { acceptPut } from './intake/acceptRequest.ts';
import { acceptedResponse, messageIdOf } from './intake/answers.ts';
import { callerFunction } from './intake/httpFunction.ts';
import { relay } from './wiring/relay.ts';

callerFunction('acceptMessage', 'PUT', 'messages/{id}', async (request, caller) => {
  const { limits, ...options } = await relay();
  const id = messageIdOf(request);
  limits.take(caller);
  return acceptedResponse(await acceptPut(options, caller, id, request));
});
