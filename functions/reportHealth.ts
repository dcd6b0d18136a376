// GET /api/health: how the relay is. Strangers learn the status only.

import { isCaller, publicFunction } from './intake/httpFunction.ts';
import { createHealthOf } from './intake/reportHealth.ts';
import { events, relay, settings } from './wiring/relay.ts';

const health = createHealthOf(relay, settings, events);

publicFunction('reportHealth', 'GET', 'health', async (request) => {
  const found = await health();
  const jsonBody = (await isCaller(request)) ? found : { status: found.status };
  return { status: found.status === 'down' ? 503 : 200, headers: { 'cache-control': 'no-store' }, jsonBody };
});
