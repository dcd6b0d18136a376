// Tells the function app every five minutes that this edge lives and what it does.
import { Readable } from 'node:stream';
import {
  edgePath,
  type Heartbeat,
  type HeartbeatAnswer,
  MAX_HEARTBEAT_BYTES,
} from '../../../functions/contract/relayProtocol.ts';
import type { Report } from '../events.ts';
import type { HttpClient } from '../forward/httpExchange.ts';
import { readProblem } from '../forward/readVerdict.ts';

/** Between two heartbeats; the first one goes soon after the start. In milliseconds. */
const EVERY_MS = 5 * 60_000;
const FIRST_AFTER_MS = 3000;

export interface HeartbeatOptions {
  readonly http: HttpClient;
  readonly authorization: () => Promise<string>;
  readonly name: string;
  /** What to say now. */
  readonly state: () => Heartbeat;
  readonly report: Report;
  /** Called with what the cloud answered. */
  readonly onAnswer: (answer: HeartbeatAnswer) => void;
}

/** Starts the heartbeat; returns how to stop it. A failure is said once until it is over: the mail matters more. */
export function startHeartbeat(options: HeartbeatOptions): () => void {
  const { http, authorization, name, state, report, onAnswer } = options;
  let failing = '';

  async function beat(): Promise<void> {
    const body = fitting(state());
    const answer = await http.exchange({
      method: 'PUT',
      path: edgePath(name),
      headers: {
        authorization: await authorization(),
        'content-type': 'application/json',
        'content-length': String(body.length),
      },
      body: Readable.from([body]),
    });
    const problem = readProblem(answer);
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}${problem ? `, ${problem.detail}` : ''}`);
    const said = JSON.parse(answer.body) as HeartbeatAnswer;
    if (said.v !== 1)
      throw new Error(`the function app speaks version ${said.v}, this edge version 1: update the edge`);
    failing = '';
    onAnswer(said);
  }

  const run = () =>
    void beat().catch((error: Error) => {
      if (failing !== error.message) report('edge.heartbeatFailed', { reason: error.message });
      failing = error.message;
    });
  const first = setTimeout(run, FIRST_AFTER_MS).unref();
  const timer = setInterval(run, EVERY_MS).unref();
  return () => {
    clearTimeout(first);
    clearInterval(timer);
  };
}

/** The heartbeat as JSON, with as many devices as fit: those seen last. */
function fitting(heartbeat: Heartbeat): Buffer {
  const devices = [...heartbeat.devices].sort((a, b) => (a.lastSeen < b.lastSeen ? 1 : -1));
  for (;;) {
    const body = Buffer.from(JSON.stringify({ ...heartbeat, devices }));
    if (body.length <= MAX_HEARTBEAT_BYTES || devices.length === 0) return body;
    devices.length = Math.floor((devices.length * MAX_HEARTBEAT_BYTES) / body.length) - 1;
  }
}
