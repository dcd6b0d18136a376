// PUT /api/edges/{name}: an edge says that it lives.
import { callerFunction } from './intake/httpFunction.ts';
import { receiveHeartbeat } from './intake/receiveHeartbeat.ts';
import { relay } from './wiring/relay.ts';

callerFunction('receiveHeartbeat', 'PUT', 'edges/{name}', async (request, caller) => {
  const { limits, ...options } = await relay();
  limits.takeHeartbeat(caller, request.params.name ?? '');
  return { status: 200, jsonBody: await receiveHeartbeat(options, caller, request) };
});
