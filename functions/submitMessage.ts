// POST /api/messages: one message from an application becomes one stored, queued message.
import { acceptPost } from './intake/acceptRequest.ts';
import { acceptedResponse, postedIdOf } from './intake/answers.ts';
import { callerFunction } from './intake/httpFunction.ts';
import { relay } from './wiring/relay.ts';

callerFunction('submitMessage', 'POST', 'messages', async (request, caller) => {
  const { limits, ...options } = await relay();
  const id = postedIdOf(request);
  limits.take(caller);
  return acceptedResponse(await acceptPost(options, caller, id, request));
});
