// GET /api/messages/{id}/parts: which parts of a large message are staged, so that an upload can resume.
import type { PartsAnswer } from './contract/relayProtocol.ts';
import { messageIdOf } from './intake/answers.ts';
import { callerFunction } from './intake/httpFunction.ts';
import { relay } from './wiring/relay.ts';

callerFunction('listParts', 'GET', 'messages/{id}/parts', async (request, caller) => {
  const id = messageIdOf(request);
  const parts = await (await relay()).parts.list({ caller: caller.name, id });
  return { status: 200, jsonBody: { id, parts } satisfies PartsAnswer };
});
