// What the tests of the Graph sandbox share: a sandbox in a folder of its own, and the calls a test makes to it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createGraphSandbox, type GraphSandboxOptions } from '../../graph-sandbox/graphSandbox.ts';
import type { MessageRecord } from '../../graph-sandbox/store/messageRecord.ts';

export const AUTHORIZATION = { authorization: 'Bearer local' };

/** The body of a Graph error. */
export interface GraphErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly innerError: Readonly<Record<string, string>>;
  };
}

/** A folder that is removed after the test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'graph-sandbox-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A sandbox on a free port that is closed after the test, and the calls to it. */
export async function startSandbox(t: TestContext, options: Partial<GraphSandboxOptions> = {}) {
  const dataDir = options.dataDir ?? (await temporaryFolder(t));
  const sandbox = await createGraphSandbox({ port: 0, ...options, dataDir });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= sandbox.close();
    return closed;
  };
  t.after(close);
  return { ...callsTo(sandbox.url), close, dataDir };
}

/** The calls a test makes to the sandbox at `url`. */
export function callsTo(url: string) {
  const graph = (method: string, path: string, init: RequestInit = {}) =>
    fetch(`${url}/v1.0${path}`, { method, ...init, headers: { ...AUTHORIZATION, ...init.headers } });
  return {
    url,
    graph,
    json: (method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
      graph(method, path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }),
    sendMime: (mailbox: string, mime: string | Uint8Array, headers: Record<string, string> = {}) =>
      graph('POST', `/users/${encodeURIComponent(mailbox)}/sendMail`, {
        body: Buffer.from(mime).toString('base64'),
        headers: { 'content-type': 'text/plain', ...headers },
      }),
    setFaults: (faults: unknown) => fetch(`${url}/sandbox/faults`, { method: 'PUT', body: JSON.stringify(faults) }),
    async messages(): Promise<MessageRecord[]> {
      return (await (await fetch(`${url}/sandbox/messages`)).json()) as MessageRecord[];
    },
    async stats() {
      return (await (await fetch(`${url}/sandbox/stats`)).json()) as {
        requests: number;
        byStatus: Record<string, number>;
        accepted: number;
        duplicateMessageIds: number;
        maxInFlightByMailbox: Record<string, number>;
      };
    },
  };
}

/** A small message; `lines` are header lines that replace those with the same name. */
export function mail(lines: readonly string[] = [], body = 'Hello\r\n'): string {
  const standard = [
    'From: printer@contoso.com',
    'To: bob@example.com',
    'Subject: Scan',
    `Message-ID: <${crypto.randomUUID()}@test>`,
  ];
  const name = (line: string) => line.slice(0, line.indexOf(':')).toLowerCase();
  const replaced = new Set(lines.map(name));
  return `${[...standard.filter((line) => !replaced.has(name(line))), ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** The error body of a refused call. */
export async function graphError(response: Response): Promise<GraphErrorBody['error']> {
  return ((await response.json()) as GraphErrorBody).error;
}
