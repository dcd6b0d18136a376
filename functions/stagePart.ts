// PUT /api/messages/{id}/parts/{n}: one part of a large message is staged.
import { messageIdOf } from './intake/answers.ts';
import { callerFunction } from './intake/httpFunction.ts';
import { putPart } from './intake/messageParts.ts';
import { relay } from './wiring/relay.ts';

callerFunction('stagePart', 'PUT', 'messages/{id}/parts/{n}', async (request, caller) => {
  const { limits, ...options } = await relay();
  const id = messageIdOf(request);
  limits.take(caller);
  return { status: 200, jsonBody: await putPart(options, caller, id, request) };
});
