// GET /api/health: how the relay is. Strangers learn the status only.

import { isCaller, publicFunction } from './intake/httpFunction.ts';
import { createHealth, type Health } from './intake/reportHealth.ts';
import { relay } from './wiring/relay.ts';

let health: (() => Promise<Health>) | undefined;

publicFunction('reportHealth', 'GET', 'health', async (request) => {
  health ??= createHealth(await relay());
  const found = await health();
  const jsonBody = (await isCaller(request)) ? found : { status: found.status };
  return { status: found.status === 'down' ? 503 : 200, headers: { 'cache-control': 'no-store' }, jsonBody };
});
