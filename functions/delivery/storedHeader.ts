import { type HeaderBlock, MAX_HEADER_BYTES, readHeaderBlock } from '../mail/headerBlock.ts';
import type { MessageStateRecord } from '../storage/messageState.ts';
import type { MessageStore } from '../storage/messageStore.ts';

/** The header of a mail's stored message, and no more of it; undefined when it is gone or cannot be read. */
export async function readStoredHeader(
  store: MessageStore,
  record: MessageStateRecord,
): Promise<HeaderBlock | undefined> {
  const body = await store.openBody(record);
  if (!body) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > MAX_HEADER_BYTES) break;
  }
  return readHeaderBlock(Buffer.concat(chunks), size >= record.size);
}
