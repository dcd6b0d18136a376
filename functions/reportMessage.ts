// GET /api/messages/{id}: what became of a caller's own message.
import { messageIdOf } from './intake/answers.ts';
import { callerFunction } from './intake/httpFunction.ts';
import { Refusal } from './intake/problems.ts';
import { wakeAgain } from './intake/wakeAgain.ts';
import { publicStatus } from './storage/messageState.ts';
import { relay } from './wiring/relay.ts';

callerFunction('reportMessage', 'GET', 'messages/{id}', async (request, caller) => {
  const id = messageIdOf(request);
  const { store, queues } = await relay();
  const found = await store.readState({ caller: caller.name, id });
  if (!found) throw new Refusal('not-found', `There is no message ${id}.`);
  await wakeAgain(queues, found.record);
  return { status: 200, jsonBody: publicStatus(found.record) };
});
