// The operator's commands to a running edge, over the socket that also locks its spool.
import http from 'node:http';
import type net from 'node:net';
import { pipeline } from 'node:stream';
import { OPERATOR_ACTIONS, type Operator, type OperatorAction } from './operator.ts';

/** Answers on the socket of the spool's lock: the directory of the spool lets only its owner in. */
export interface ControlServer {
  /** From now on whoever connects gets an answer, if only that the edge is starting. */
  readonly attach: (socket: net.Server) => void;
  /** From now on the answers are the operator's. */
  serve(operator: Operator): void;
}

export function createControlServer(): ControlServer {
  let operator: Operator | undefined;
  const server = http.createServer((request, response) => {
    if (!operator)
      return void response.writeHead(503, { connection: 'close' }).end('It is starting; ask again in a moment.');
    handle(operator, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  return {
    attach: (socket) => void socket.on('connection', (connection) => server.emit('connection', connection)),
    serve(served) {
      operator = served;
    },
  };
}

async function handle(operator: Operator, request: http.IncomingMessage, response: http.ServerResponse) {
  const json = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const [, what, id = '', action = ''] = (request.url ?? '').split('/');
  if (what === 'devices') return json(200, await operator.devices());
  if (what === 'ready') return json(200, { problem: (await operator.notReady()) ?? null });
  if (what === 'forwarded') return json(200, await operator.wasForwarded(id));
  if (what !== 'queue') return json(404, {});
  if (!id) return json(200, await operator.list());
  if (request.method === 'POST' && (OPERATOR_ACTIONS as readonly string[]).includes(action))
    return json(200, { result: await operator.change(id, action as OperatorAction) });
  if (action === 'message') {
    const body = await operator.export(id);
    if (!body) return json(404, {});
    response.writeHead(200, { 'content-type': 'message/rfc822' });
    pipeline(body, response, () => undefined); // a reader that goes away is no error of the edge
    return;
  }
  const item = await operator.show(id);
  return item ? json(200, item) : json(404, {});
}
