import { setTimeout as sleep } from 'node:timers/promises';
import SMTPConnection from 'nodemailer/lib/smtp-connection';

export interface BurstOptions {
  readonly port: number;
  readonly mails: number;
  readonly connections: number;
  /** Distinguishes the Message-IDs of this burst from others. */
  readonly name: string;
  /** Envelope sender and From, and so the mailbox that sends. */
  readonly from?: string;
  /** Told the number of mails that got their 250, after each, and the Message-ID of this one. */
  onPromise?(promised: number, messageId: string): void;
}

/** How long a client goes on trying while nobody listens, in milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * Sends mails over several connections, many on each, as fast as the server takes them. A client whose connection
 * breaks connects anew and sends the mail for which it got no 250 again, as any SMTP client would.
 *
 * @returns the Message-IDs of all mails; each of them got a 250
 */
export async function sendBurst(options: BurstOptions): Promise<string[]> {
  const { port, mails, connections, name, from = 'device@contoso.com', onPromise } = options;
  const promised: string[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      let connection: Connection | undefined;
      while (next < mails) {
        const messageId = `<${name}-${next++}@example.com>`;
        const deadline = Date.now() + PATIENCE_MS;
        for (;;) {
          try {
            connection ??= await connect(port);
            await send(connection, from, messageId);
            break;
          } catch (error) {
            connection?.smtp.close();
            connection = undefined;
            if (Date.now() > deadline) throw error;
            await sleep(100);
          }
        }
        promised.push(messageId);
        onPromise?.(promised.length, messageId);
      }
      connection?.smtp.quit();
    }),
  );
  return promised;
}

interface Connection {
  readonly smtp: SMTPConnection;
  /** Rejects when the connection breaks. */
  readonly broken: Promise<never>;
}

async function connect(port: number): Promise<Connection> {
  const smtp = new SMTPConnection({ host: '127.0.0.1', port, ignoreTLS: true, name: 'device.example.com' });
  const broken = new Promise<never>((_, reject) => {
    smtp.on('error', reject);
    smtp.on('end', () => reject(new Error('The server hung up.')));
  });
  broken.catch(() => {}); // Nobody waits for it between two mails; the next one will notice.
  const greeted = new Promise<void>((resolve, reject) => smtp.connect((error) => (error ? reject(error) : resolve())));
  await Promise.race([greeted, broken]);
  return { smtp, broken };
}

async function send({ smtp, broken }: Connection, from: string, messageId: string): Promise<void> {
  const message = [
    `From: ${from}`,
    'To: bob@contoso.com',
    'Subject: Reading',
    'Date: Mon, 23 Nov 2026 12:00:00 +0000',
    `Message-ID: ${messageId}`,
    '',
    'All is well.',
    '',
  ].join('\r\n');
  const envelope = { from, to: 'bob@contoso.com' };
  const accepted = new Promise<void>((resolve, reject) =>
    smtp.send(envelope, message, (error) => (error ? reject(error) : resolve())),
  );
  await Promise.race([accepted, broken]);
}
