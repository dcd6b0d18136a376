/** What the Graph sandbox says it has received. */
export interface SandboxMessage {
  readonly id: string;
  readonly mailbox: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly subject: string;
  readonly messageId: string;
}

/** `GET /sandbox/messages`: all messages, oldest first. */
export async function sandboxMessages(inboxUrl: string): Promise<SandboxMessage[]> {
  const answer = await fetch(`${inboxUrl}/sandbox/messages`);
  if (!answer.ok) throw new Error(`GET /sandbox/messages: ${answer.status}`);
  return (await answer.json()) as SandboxMessage[];
}

/** `GET /sandbox/messages/{id}/mime`: the MIME exactly as it was posted. */
export async function sandboxMime(inboxUrl: string, id: string): Promise<Buffer> {
  const answer = await fetch(`${inboxUrl}/sandbox/messages/${id}/mime`);
  if (!answer.ok) throw new Error(`GET /sandbox/messages/${id}/mime: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

/** `GET /sandbox/stats`. */
export async function sandboxStats(inboxUrl: string): Promise<{ accepted: number; duplicateMessageIds: number }> {
  const answer = await fetch(`${inboxUrl}/sandbox/stats`);
  if (!answer.ok) throw new Error(`GET /sandbox/stats: ${answer.status}`);
  return (await answer.json()) as { accepted: number; duplicateMessageIds: number };
}
