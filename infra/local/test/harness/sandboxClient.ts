/** What the Graph sandbox says it has received. */
export interface SandboxMessage {
  readonly id: string;
  readonly mailbox: string;
  /** When Graph took it, ISO 8601. */
  readonly acceptedAt: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly subject: string;
  readonly messageId: string;
  readonly attachments: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
}

/** The calls to Graph so far, and what came of them. */
export interface SandboxStats {
  readonly requests: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly accepted: number;
  readonly duplicateMessageIds: number;
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
export async function sandboxStats(inboxUrl: string): Promise<SandboxStats> {
  const answer = await fetch(`${inboxUrl}/sandbox/stats`);
  if (!answer.ok) throw new Error(`GET /sandbox/stats: ${answer.status}`);
  return (await answer.json()) as SandboxStats;
}

/** `PUT /sandbox/faults`: these and no others; an empty list ends every hang. */
export async function setFaults(inboxUrl: string, faults: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
  const answer = await fetch(`${inboxUrl}/sandbox/faults`, { method: 'PUT', body: JSON.stringify(faults) });
  if (!answer.ok) throw new Error(`PUT /sandbox/faults: ${answer.status} ${await answer.text()}`);
}

/** Everything that lies in a mailbox of the sandbox, sent or still a draft, as Graph lists it. */
export async function mailboxItems(
  inboxUrl: string,
  mailbox: string,
): Promise<{ readonly isDraft: boolean; readonly internetMessageId: string }[]> {
  const answer = await fetch(`${inboxUrl}/v1.0/users/${mailbox}/messages?$top=1000`, {
    headers: { authorization: 'Bearer test' },
  });
  if (!answer.ok) throw new Error(`GET messages of ${mailbox}: ${answer.status}`);
  return ((await answer.json()) as { value: { isDraft: boolean; internetMessageId: string }[] }).value;
}
