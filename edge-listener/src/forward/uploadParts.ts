// Uploads a large message part by part, so that a slow line never has to carry it within one request.
import { hash } from 'node:crypto';
import {
  MAX_PART_BYTES,
  PARTS_HEADER,
  type PartsAnswer,
  partPath,
  partsPath,
  WHOLE_DIGEST_HEADER,
} from '../../../functions/contract/relayProtocol.ts';
import type { StoredMessage } from '../spool/spool.ts';
import type { HttpAnswer, HttpClient } from './httpExchange.ts';
import { bufferBody } from './uploadBody.ts';

export interface PartsUpload {
  readonly http: HttpClient;
  readonly id: string;
  readonly message: StoredMessage;
  readonly mayCompress: boolean;
  /** Authorization and trace of every request. */
  readonly common: Readonly<Record<string, string>>;
}

/**
 * Stages what the cloud does not have yet and resolves with the headers of the request that commits it. Resolves with
 * the answer instead when a part was not taken; `unsupported` when this cloud knows no parts.
 */
export async function stageParts(
  upload: PartsUpload,
): Promise<{ commit: Record<string, string> } | { refused: HttpAnswer } | 'unsupported'> {
  const { http, id, message, mayCompress, common } = upload;
  const listed = await http.exchange({ method: 'GET', path: partsPath(id), headers: common });
  if (listed.status === 404 || listed.status === 405) return 'unsupported';
  if (listed.status !== 200) return { refused: listed };
  const staged = new Map((JSON.parse(listed.body) as PartsAnswer).parts.map(({ n, sha256 }) => [n, sha256]));
  const digests: string[] = [];
  for await (const part of cut(message.body(), MAX_PART_BYTES)) {
    const n = digests.length + 1;
    const sha256 = hash('sha256', part, 'hex');
    digests.push(sha256);
    if (staged.get(n) === sha256) continue;
    const { headers, open } = await bufferBody(part, mayCompress);
    const answer = await http.exchange({
      method: 'PUT',
      path: partPath(id, n),
      headers: { ...common, ...headers, 'content-type': 'application/octet-stream' },
      body: open(),
    });
    if (answer.status !== 200) return { refused: answer };
  }
  return {
    commit: {
      'content-length': '0',
      [PARTS_HEADER]: digests.join(', '),
      [WHOLE_DIGEST_HEADER]: `sha-256=:${message.sha256}:`,
    },
  };
}

async function* cut(stream: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (let chunk of stream) {
    while (length + chunk.length >= size) {
      const room = size - length;
      yield Buffer.concat([...chunks, chunk.subarray(0, room)]);
      chunk = chunk.subarray(room);
      chunks = [];
      length = 0;
    }
    if (chunk.length > 0) chunks.push(chunk);
    length += chunk.length;
  }
  if (length > 0) yield Buffer.concat(chunks);
}
