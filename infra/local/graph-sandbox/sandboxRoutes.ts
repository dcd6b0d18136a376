// /sandbox: what tests ask and set. Not part of Graph, and never counted in its statistics.

import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Answer } from './answer.ts';
import { readFaultList } from './faultList.ts';
import type { Faults } from './faults.ts';
import { readBody } from './requestBody.ts';
import type { CallCounter } from './stats.ts';
import type { MessageStore } from './store/messageStore.ts';

const MOST_FAULT_BYTES = 1024 * 1024;

export interface SandboxRoutesOptions {
  readonly messages: MessageStore;
  readonly faults: Faults;
  readonly calls: CallCounter;
  /** Removes every draft. */
  readonly removeDrafts: () => Promise<void>;
}

/** Answers one request whose path starts with /sandbox. */
export type SandboxRoutes = (request: IncomingMessage, path: string) => Promise<Answer>;

/** The routes over these parts of the sandbox. */
export function createSandboxRoutes({ messages, faults, calls, removeDrafts }: SandboxRoutesOptions): SandboxRoutes {
  return async (request, path) => {
    const route = `${request.method} ${path}`;
    switch (route) {
      case 'GET /sandbox/messages':
        await messages.settled();
        return { status: 200, type: 'application/json; charset=utf-8', stream: messages.recordList() };
      case 'DELETE /sandbox/messages':
        await removeDrafts();
        await messages.remove();
        return { status: 204 };
      case 'GET /sandbox/stats': {
        await messages.settled();
        const { requests, byStatus, maxInFlightByMailbox } = calls.counts();
        const accepted = messages.summaries().length;
        const duplicateMessageIds = messages.duplicateMessageIds();
        return { status: 200, json: { requests, byStatus, accepted, duplicateMessageIds, maxInFlightByMailbox } };
      }
      case 'PUT /sandbox/faults':
        return putFaults(request, faults);
    }
    const id = /^GET \/sandbox\/messages\/([^/]+)\/mime$/.exec(route)?.[1];
    return id === undefined ? notFound(route) : mime(messages, id);
  };
}

async function mime(messages: MessageStore, id: string): Promise<Answer> {
  await messages.settled();
  const found = await messages.mime(id);
  if (found) {
    const { path, offset, bytes } = found;
    const headers = { 'content-length': String(bytes) };
    return { status: 200, type: 'message/rfc822', headers, stream: createReadStream(path, { start: offset }) };
  }
  const why = messages.find(id)
    ? 'This message was sent as a draft: Graph was given its parts, never a MIME message.'
    : 'No message has this id; GET /sandbox/messages lists them.';
  return { status: 404, json: { error: why } };
}

async function putFaults(request: IncomingMessage, faults: Faults): Promise<Answer> {
  const body = await readBody(request, MOST_FAULT_BYTES);
  if (body.tooLarge) return { status: 413, json: { error: 'A list of faults may have 1 MiB.' } };
  let value: unknown;
  try {
    value = JSON.parse(body.bytes.toString('utf8'));
  } catch (error) {
    return { status: 400, json: { error: `The body is not JSON: ${(error as Error).message}` } };
  }
  const reading = readFaultList(value);
  if ('problem' in reading) return { status: 400, json: { error: reading.problem } };
  faults.replace(reading.faults);
  return { status: 204 };
}

function notFound(route: string): Answer {
  const routes = [
    'GET /sandbox/messages',
    'DELETE /sandbox/messages',
    'GET /sandbox/messages/{id}/mime',
    'PUT /sandbox/faults',
    'GET /sandbox/stats',
  ];
  return { status: 404, json: { error: `There is no ${route.slice(0, 200)}. There is: ${routes.join(', ')}.` } };
}
